import dataclasses
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.core import dataset, shards
from components.core.dataset import DatasetError, DatasetViolation, Manifest, Provenance
from components.core.errors import BadInput
from components.core.manifest import File, parse_reference, pointer
from components.core.records import Demonstration, Message, RawPrompt, Score
from components.core.storage import Storage
from data_contracts.errors import ContractViolation

MADE = Provenance(run="run-1", stage="world", created="2026-01-01T00:00:00+00:00")
SECRET = "Zanzibar-4711"


def prompts(count: int, text: str = "hello") -> list[RawPrompt]:
    return [
        RawPrompt(f"p{n}", f"u{n % 3}", "api", "plain", (Message("user", f"{text} {n}"),), n)
        for n in range(count)
    ]


def publish(storage: Storage, root: str, rows: Any, name: str = "raw_prompts") -> str:
    return dataset.publish_records(storage, root, name, rows, MADE)


def keys(storage: Storage, reference: str) -> list[str]:
    prefix = parse_reference(reference).prefix
    return sorted(info.uri.removeprefix(f"{prefix}/") for info in storage.list(prefix))


def test_rows_come_back_as_they_went_in(storage: Storage, root: str) -> None:
    rows = prompts(600)
    reference = publish(storage, root, iter(rows))
    assert list(dataset.read_records(storage, reference, RawPrompt)) == rows
    assert dataset.read_table(storage, reference).num_rows == 600
    manifest = dataset.open_manifest(storage, reference)
    assert (manifest.kind, manifest.name, manifest.contract) == (
        "dataset",
        "raw_prompts",
        "raw_prompts@1",
    )
    assert manifest.rows == 600 == sum(file.rows for file in manifest.files)
    assert manifest.provenance == MADE


def test_layout_and_reference(storage: Storage, root: str) -> None:
    reference = publish(storage, root, prompts(2))
    digest = dataset.open_manifest(storage, reference).identity_digest()
    assert reference == f"{root}/datasets/raw_prompts/{digest[:16]}#sha256={digest}"
    names = ["manifest.json", "part-00000.parquet", "validation.html", "validation.json"]
    assert keys(storage, reference) == names
    report = json.loads(storage.get_bytes(parse_reference(reference).prefix + "/validation.json"))
    assert report["contract"] == "raw_prompts@1"


def test_same_content_is_the_same_reference_and_keeps_its_first_manifest(
    storage: Storage, root: str
) -> None:
    first = publish(storage, root, prompts(10))
    second = dataset.publish_records(
        storage, root, "raw_prompts", prompts(10), Provenance(run="run-2", parents=(first,))
    )
    assert second == first
    assert dataset.open_manifest(storage, first).provenance == MADE
    assert publish(storage, root, prompts(11)) != first
    assert publish(storage, root, prompts(10)[::-1]) != first


def test_two_writers_cannot_both_win(
    storage: Storage, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found no manifest; the second to write finds the first one's and takes it."""
    first = publish(storage, root, prompts(5))
    monkeypatch.setattr(Storage, "exists", lambda self, uri: False)
    other = Provenance(run="run-2")
    second = dataset.publish_records(storage, root, "raw_prompts", prompts(5), other)
    assert second == first
    assert dataset.open_manifest(storage, first).provenance == MADE


def test_without_a_manifest_it_does_not_exist(
    storage: Storage, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher that dies before the manifest leaves nothing that can be opened or is latest."""
    uploaded: list[str] = []
    put_bytes = Storage.put_bytes

    def die(self: Storage, uri: str, data: bytes, *, if_absent: bool = False) -> None:
        uploaded.append(uri)
        if uri.endswith("manifest.json"):
            raise KeyboardInterrupt
        put_bytes(self, uri, data, if_absent=if_absent)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "put_bytes", die)
        with pytest.raises(KeyboardInterrupt):
            publish(storage, root, prompts(5))
    assert not any(uri.endswith("manifest.json") for uri in uploaded[:-1])
    with pytest.raises(DatasetError, match="no dataset 'raw_prompts' has been published"):
        dataset.resolve(storage, root, "raw_prompts")
    prefix = uploaded[-1].removesuffix("/manifest.json")
    with pytest.raises(DatasetError, match=r"no manifest\.json"):
        dataset.open_manifest(storage, f"{prefix}#sha256={'0' * 64}")
    reference = publish(storage, root, prompts(5))
    assert parse_reference(reference).prefix == prefix


def test_broken_rows_publish_nothing_and_never_show_text(storage: Storage, root: str) -> None:
    rows = prompts(20)
    rows[7] = dataclasses.replace(rows[7], messages=(Message("assistant", SECRET),))
    with pytest.raises(DatasetViolation, match=r"messages\[last\].role: equals user.*p7") as caught:
        publish(storage, root, rows)
    assert isinstance(caught.value, ContractViolation)
    assert isinstance(caught.value, BadInput)
    assert caught.value.rows == ("p7",)
    assert SECRET not in str(caught.value) + caught.value.report
    assert list(storage.list(root)) == []


@pytest.mark.parametrize("value", ["soon " + SECRET, 2**70, 1.5])
def test_value_of_another_type_is_named_by_row_and_field(
    storage: Storage, root: str, value: Any
) -> None:
    rows = prompts(600)
    rows[300] = dataclasses.replace(rows[300], time=value)
    with pytest.raises(DatasetViolation, match=r"'time: type' \(rows 300\)") as caught:
        publish(storage, root, rows)
    assert SECRET not in str(caught.value)


def test_text_that_is_no_unicode_is_named_by_row_and_field(storage: Storage, root: str) -> None:
    rows = prompts(3, text="\udcff")
    with pytest.raises(DatasetViolation, match=r"'messages: type' \(rows 0\)"):
        publish(storage, root, rows)


def test_null_where_none_may_be_names_its_row(storage: Storage, root: str) -> None:
    rows: list[Any] = prompts(3)
    rows[1] = dataclasses.replace(rows[1], user_id=None)
    with pytest.raises(DatasetViolation, match=r"user_id: not null' \(rows p1\)"):
        publish(storage, root, rows)


def test_unknown_dataset_is_a_users_error(storage: Storage, root: str) -> None:
    with pytest.raises(DatasetError, match="no contract for the dataset 'poems'"):
        publish(storage, root, [], name="poems")


def test_shards_and_row_groups_are_cut_and_read_back(
    storage: Storage, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "CHUNK", 10)
    monkeypatch.setattr(shards, "GROUP_ROWS", 40)
    monkeypatch.setattr(shards, "SHARD_BYTES", 3_000)
    rows = prompts(500)
    reference = publish(storage, root, rows)
    files = dataset.open_manifest(storage, reference).files
    assert len(files) > 3
    assert [file.path for file in files] == [f"part-{n:05d}.parquet" for n in range(len(files))]
    assert list(dataset.read_records(storage, reference, RawPrompt)) == rows


def test_memory_stays_bounded(storage: Storage, root: str) -> None:
    """80 MB of text pass through; far less is held at any time."""
    text = "x" * 200_000 + SECRET

    arrow: list[int] = []

    def stream() -> Iterator[Demonstration]:
        for n in range(400):
            arrow.append(pa.total_allocated_bytes())
            yield Demonstration(f"d{n}", "l", (Message("user", text[: 199_000 + n]),), "yes")

    tracemalloc.start()
    reference = publish(storage, root, stream(), name="demonstrations")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
    assert max(arrow) - arrow[0] < 40e6
    assert dataset.open_manifest(storage, reference).rows == 400


def test_empty_rejects_can_be_published_and_read(storage: Storage, root: str) -> None:
    reference = publish(storage, root, [], name="rejects")
    assert dataset.open_manifest(storage, reference).rows == 0
    assert dataset.read_table(storage, reference).num_rows == 0
    assert dataset.read_table(storage, reference).column_names[0] == "id"


# Verification


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
    changed = json.loads(storage.get_bytes(uri)) | {"rows": 6}
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
    with pytest.raises(DatasetError, match="no version '9'"):
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


# Folders


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer" / "vocab.txt").write_text("a b c")
    return folder


def test_folder_comes_back_whole(storage: Storage, root: str, model: Path, tmp_path: Path) -> None:
    reference = dataset.publish_folder(storage, root, "policy", "sft", model, MADE)
    assert reference.startswith(f"{root}/models/sft/")
    assert reference == dataset.publish_folder(storage, root, "policy", "sft", model, MADE)
    rm = dataset.publish_folder(storage, root, "reward_model", "sft", model, MADE)
    assert rm != reference
    back = dataset.download_folder(storage, reference, tmp_path / "in")
    assert (back / "tokenizer" / "vocab.txt").read_text() == "a b c"
    assert sorted(p.name for p in back.rglob("*")) == ["config.json", "tokenizer", "vocab.txt"]
    assert dataset.download_folder(storage, reference, tmp_path / "in") == back
    assert [p.name for p in (tmp_path / "in").iterdir()] == [back.name]


def test_changed_folder_is_not_left_on_disk(
    storage: Storage, root: str, model: Path, tmp_path: Path
) -> None:
    reference = dataset.publish_folder(storage, root, "policy", "sft", model, MADE)
    storage.put_bytes(parse_reference(reference).prefix + "/tokenizer/vocab.txt", b"a b d")
    with pytest.raises(DatasetError, match=r"vocab\.txt: is not what was published"):
        dataset.download_folder(storage, reference, tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


def test_empty_folder_is_refused(storage: Storage, root: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no files"):
        dataset.publish_folder(storage, root, "report", "r", tmp_path, MADE)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../b", "manifest.json", ".", "a//b"])
def test_manifest_cannot_name_files_elsewhere(path: str) -> None:
    with pytest.raises(ValueError, match="plain relative path"):
        File(path=path, size=0, sha256="0" * 64)


# References


def test_resolve_takes_what_people_write(storage: Storage, root: str, model: Path) -> None:
    publish(storage, root, prompts(4))
    rows = publish(storage, root, prompts(5))
    policy = dataset.publish_folder(storage, root, "policy", "sft", model, MADE)
    prefix = parse_reference(rows).prefix
    for text in (rows, prefix, f"{prefix}/", "raw_prompts", "raw_prompts@latest"):
        assert dataset.resolve(storage, root, text) == rows
    assert dataset.resolve(storage, root, "dataset/raw_prompts") == rows
    assert dataset.resolve(storage, root, "policy/sft") == policy
    assert dataset.resolve_latest(storage, root, "policy", "sft") == policy
    with pytest.raises(DatasetError, match="kind 'poem' is none of"):
        dataset.resolve(storage, root, "poem/x")
    with pytest.raises(DatasetError, match="no reward_model 'sft' has been published"):
        dataset.resolve(storage, root, "reward_model/sft")


def test_publishing_old_content_again_makes_it_the_latest(storage: Storage, root: str) -> None:
    old = publish(storage, root, prompts(4))
    publish(storage, root, prompts(5))
    publish(storage, root, prompts(4))
    assert dataset.resolve(storage, root, "raw_prompts") == old


def test_latest_that_was_deleted_is_told(storage: Storage, root: str) -> None:
    reference = publish(storage, root, prompts(4))
    storage.delete([parse_reference(reference).prefix + "/manifest.json"])
    with pytest.raises(DatasetError, match="nothing is published here"):
        dataset.resolve(storage, root, "raw_prompts")
    assert storage.get_bytes(pointer(root, "dataset", "raw_prompts")).decode() == reference


def test_lineage_walks_all_ancestors_and_survives_deleted_ones(
    storage: Storage, root: str, model: Path
) -> None:
    raw = publish(storage, root, prompts(4))
    made = Provenance(parents=(raw,))
    scores = dataset.publish_records(storage, root, "scores", [Score("a", 1.0)], made)
    made = Provenance(parents=(raw, scores))
    policy = dataset.publish_folder(storage, root, "policy", "sft", model, made)
    node = dataset.lineage(storage, policy)
    assert [parent.reference for parent in node.parents] == [raw, scores]
    assert [n.reference for n in node.walk()] == [policy, raw, scores]

    storage.delete([parse_reference(raw).prefix + "/manifest.json"])
    first = dataset.lineage(storage, policy).parents[0]
    assert first.manifest is None
    assert "nothing is published here" in first.problem
    with pytest.raises(DatasetError):
        dataset.lineage(storage, raw)
