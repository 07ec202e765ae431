import dataclasses
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from dataset_rows import MADE, SECRET, keys, prompts, publish

from components.core import dataset, shards
from components.core.dataset import DatasetError, DatasetViolation, Provenance
from components.core.errors import BadInput
from components.core.manifest import parse_reference
from components.core.records import Demonstration, Message, RawPrompt
from components.core.storage import Storage
from data_contracts.errors import ContractViolation


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
    with pytest.raises(
        DatasetViolation, match=r"messages\[last\].role: equals user.*number 7"
    ) as caught:
        publish(storage, root, rows)
    assert isinstance(caught.value, ContractViolation)
    assert isinstance(caught.value, BadInput)
    assert caught.value.rows == ("number 7",)
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
    with pytest.raises(DatasetViolation, match=r"user_id: not null' \(rows number 1\)"):
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
