"""A dataset names contract and version; readers know which versions they can read, and as what."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dataset_rows import MADE

from components.core import dataset
from components.core.dataset import DatasetError, Manifest
from components.core.manifest import MANIFEST, parse_reference
from components.core.records import Reject, Score
from components.core.storage import Storage
from data_contracts import contract
from data_contracts.upgrade import newest

OLD = [Reject("a", "log.jsonl", 4, "duplicate", "exact", "b", 1.0)]


def republished(storage: Storage, root: str, reference: str, contract: str) -> str:
    """The same shards under a manifest that names another contract."""
    manifest = dataset.open_manifest(storage, reference)
    changed = Manifest(**{**dict(manifest), "contract": contract})
    again = changed.reference(root)
    for file in manifest.files:
        data = storage.get_bytes(f"{parse_reference(reference).prefix}/{file.path}")
        storage.put_bytes(f"{parse_reference(again).prefix}/{file.path}", data)
    text = changed.canonical_json().encode()
    storage.put_bytes(f"{parse_reference(again).prefix}/{MANIFEST}", text)
    return again


def test_manifest_names_contract_and_newest_version(storage: Storage, root: str) -> None:
    reference = dataset.publish_records(storage, root, "rejects", OLD, MADE)
    assert dataset.open_manifest(storage, reference).contract == "rejects@2"


def test_rows_of_an_older_version_are_read_as_the_newest(storage: Storage, root: str) -> None:
    reference = dataset.publish_records(storage, root, "rejects@1", OLD, MADE, name="rejects")
    assert dataset.open_manifest(storage, reference).contract == "rejects@1"
    # What rejects@1 lacks is what rejects@2 says stands there.
    assert list(dataset.read_records(storage, reference, Reject)) == OLD
    table = dataset.read_table(storage, reference)
    assert table.column_names[-1] == "cluster"
    assert table.column("cluster").to_pylist() == [""]


def test_unknown_version_is_refused_and_the_known_are_named(storage: Storage, root: str) -> None:
    known = dataset.publish_records(storage, root, "rejects", OLD, MADE)
    reference = republished(storage, root, known, "rejects@7")
    expected = r"under rejects@7; this instructflow knows rejects@1, rejects@2\. A newer one may"
    for read in (dataset.read_table, dataset.check):
        with pytest.raises(DatasetError, match=expected) as caught:
            read(storage, reference)
        assert reference in str(caught.value)
    with pytest.raises(DatasetError, match=expected):
        list(dataset.read_records(storage, reference, Reject))


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("rejects", "names no version of a contract"),
        ("", "names no version of a contract"),
        ("rejects@01", "knows rejects@1, rejects@2"),
        ("poems@1", "knows no contract 'poems'"),
        ("../core@1", "knows no contract"),
    ],
)
def test_manifest_without_a_known_contract_is_refused(
    storage: Storage, root: str, named: str, says: str
) -> None:
    known = dataset.publish_records(storage, root, "rejects", OLD, MADE)
    with pytest.raises(DatasetError, match=says):
        dataset.read_table(storage, republished(storage, root, known, named))


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the contracts, to be changed."""
    folder = tmp_path / "contracts"
    shutil.copytree(str(contract.FOLDER), folder, ignore=shutil.ignore_patterns("*.py*", "_*"))
    monkeypatch.setattr(contract, "FOLDER", folder)
    contract.load.cache_clear()
    newest.cache_clear()
    yield folder
    monkeypatch.undo()
    contract.load.cache_clear()
    newest.cache_clear()


def test_version_that_cannot_be_read_as_the_newest_is_refused(
    storage: Storage, root: str, contracts: Path
) -> None:
    old = dataset.publish_records(storage, root, "scores", [Score("x", 1.5)], MADE)
    first = (contracts / "scores" / "v1.yaml").read_text()
    added = "  - {name: scale, type: string, description: Its scale., pii: none}\nexamples:"
    second = first.replace("version: 1", "version: 2").replace("examples:", added)
    (contracts / "scores" / "v2.yaml").write_text(second)
    contract.load.cache_clear()
    newest.cache_clear()
    with pytest.raises(DatasetError, match=r"rows of scores@1 cannot be read as scores@2") as e:
        list(dataset.read_records(storage, old, Score))
    assert "scale: added, required, no default" in str(e.value)
    # With a default, they can.
    third = second.replace("scale., pii: none", 'scale., pii: none, default: "nats"')
    (contracts / "scores" / "v2.yaml").write_text(third)
    contract.load.cache_clear()
    newest.cache_clear()
    rows = dataset.read_table(storage, old).to_pylist()
    assert rows == [{"subject": "x", "score": 1.5, "scale": "nats"}]
