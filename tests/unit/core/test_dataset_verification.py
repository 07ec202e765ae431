import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_rows import MADE, keys, prompts, publish

from components.core import dataset, shards
from components.core.dataset import DatasetError, DatasetViolation, Manifest, Provenance
from components.core.manifest import parse_reference
from components.core.records import RawPrompt, Score
from components.core.storage import Storage


def test_changed_shard_is_found(storage: Storage, root: str) -> None:
    reference = publish(storage, root, prompts(5))
    uri = parse_reference(reference).prefix + "/part-00000.parquet"
    data = bytearray(storage.get_bytes(uri))
    data[len(data) // 2] ^= 1
    storage.put_bytes(uri, bytes(data))
    with pytest.raises(DatasetError, match=r"part-00000\.parquet: is not what was published"):
        list(dataset.read_records(storage, reference, RawPrompt))


def test_missing_shard_is_found(storage: Storage, root: str) -> None:
    reference = publish(storage, root, prompts(5))
    storage.delete([parse_reference(reference).prefix + "/part-00000.parquet"])
    with pytest.raises(DatasetError, match="is gone, though the manifest names it"):
        dataset.read_table(storage, reference)


def test_changed_manifest_is_found(storage: Storage, root: str) -> None:
    reference = publish(storage, root, prompts(5))
    uri = parse_reference(reference).prefix + "/manifest.json"
    changed = json.loads(storage.get_bytes(uri)) | {"name": "prompts"}
    storage.put_bytes(uri, json.dumps(changed).encode())
    with pytest.raises(DatasetError, match="manifest was changed"):
        dataset.open_manifest(storage, reference)
    storage.put_bytes(uri, b'{"kind": "poem"')
    with pytest.raises(DatasetError, match="not a manifest of this version"):
        dataset.open_manifest(storage, reference)


def test_newer_contract_than_this_version_knows_is_refused(storage: Storage, root: str) -> None:
    reference = publish(storage, root, prompts(5))
    old = dataset.open_manifest(storage, reference)
    manifest = old.model_copy(update={"contract": "raw_prompts@9"})
    newer = put_manifest(storage, root, manifest)
    with pytest.raises(
        DatasetError, match="under raw_prompts@9; this instructflow knows raw_prompts@1"
    ):
        dataset.read_table(storage, newer)


@pytest.mark.parametrize(
    "text", ["", "prompts", "s3://b/p", "s3://b/p#sha256=12", "s3://b#sha256="]
)
def test_what_is_no_reference_is_told_the_form(storage: Storage, text: str) -> None:
    with pytest.raises(DatasetError, match="expected s3://bucket/prefix#sha256="):
        dataset.open_manifest(storage, text)


def test_dataset_of_other_records_is_refused(storage: Storage, root: str, tmp_path: Path) -> None:
    reference = publish(storage, root, prompts(5))
    with pytest.raises(DatasetError, match=r"'raw_prompts' \(RawPrompt\), not a dataset of Score"):
        next(dataset.read_records(storage, reference, Score))
    (tmp_path / "x").write_text("x")
    folder = dataset.publish_folder(storage, root, "policy", "sft", tmp_path, MADE)
    with pytest.raises(DatasetError, match="is a policy 'sft'"):
        next(dataset.read_records(storage, folder, Score))
    with pytest.raises(DatasetError, match="is a policy, not a dataset"):
        dataset.read_table(storage, folder)


def put_manifest(storage: Storage, root: str, manifest: Manifest) -> str:
    reference = manifest.reference(root)
    uri = parse_reference(reference).prefix + "/manifest.json"
    storage.put_bytes(uri, manifest.canonical_json().encode())
    return reference


def from_outside(storage: Storage, root: str, folder: Path, table: pa.Table) -> str:
    """A dataset that another program wrote: shards and manifest, no report of a validation."""
    pq.write_table(table, folder / "rows.parquet")
    file = shards.describe_file(folder / "rows.parquet", "rows.parquet", table.num_rows)
    manifest = Manifest(
        kind="dataset",
        name="scores",
        contract="scores@1",
        files=(file,),
        rows=table.num_rows,
        provenance=Provenance(),
    )
    reference = put_manifest(storage, root, manifest)
    prefix = parse_reference(reference).prefix
    storage.put_file(folder / "rows.parquet", f"{prefix}/rows.parquet")
    return reference


def test_dataset_from_outside_is_checked_when_it_is_first_read(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    good = pa.table({"score": [1.0, 2.0], "subject": ["a", "b"], "more": [1, 2]})
    reference = from_outside(storage, root, tmp_path, good)
    assert "validation.json" not in keys(storage, reference)
    rows = list(dataset.read_records(storage, reference, Score))
    assert rows == [Score("a", 1.0), Score("b", 2.0)]
    assert "validation.json" in keys(storage, reference)


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"subject": ["a", "a"], "score": [1.0, 2.0]}, "subject: unique' .rows a"),
        ({"subject": ["a", None], "score": [1.0, 2.0]}, "subject: not null"),
        ({"subject": ["a", "b"]}, "not a shard of this contract"),
        ({"subject": ["a", "b"], "score": ["good", "bad"]}, "not a shard of this contract"),
    ],
)
def test_broken_dataset_from_outside_is_not_read(
    storage: Storage, root: str, tmp_path: Path, columns: Any, error: str
) -> None:
    reference = from_outside(storage, root, tmp_path, pa.table(columns))
    for _ in range(2):
        with pytest.raises(DatasetError if "shard" in error else DatasetViolation, match=error):
            next(dataset.read_records(storage, reference, Score))
