import io
from pathlib import Path

import pytest
from rich.console import Console

from components.core import dataset
from components.core.dataset import DatasetError, Provenance
from components.core.manifest import parse_reference
from components.core.records import Message, RawPrompt, Reject, Score
from components.core.storage import Storage
from pipelines.inspect import inspect_reference, list_published

SECRET = "Zanzibar-4711"


def shown(storage: Storage, uri: str) -> str:
    stream = io.StringIO()
    inspect_reference(storage, uri, Console(file=stream, width=200))
    return stream.getvalue()


@pytest.fixture
def raw(storage: Storage, root: str) -> str:
    rows = [
        RawPrompt(
            f"p{n}", "u", "api" if n % 4 else "labeler", "plain", (Message("user", SECRET),), n
        )
        for n in range(1200)
    ]
    made = Provenance(
        stage="sandbox.world", run="run-7", code_version="abc123",
        created="2026-01-31T23:00:00+00:00",
    )  # fmt: skip
    return dataset.publish_records(storage, root, "raw_prompts", rows, made)


def test_manifest_counts_and_no_text(storage: Storage, raw: str) -> None:
    page = shown(storage, raw)
    expected = ("raw_prompts@1", "1,200", "sandbox.world", "run-7", "abc123", "part-00000.parquet")
    for text in (*expected, "api 900, labeler 300", "plain 1,200"):
        assert text in page
    assert SECRET not in page
    assert shown(storage, parse_reference(raw).prefix) == page


def test_owner_pii_class_and_retention_are_shown(storage: Storage, root: str, raw: str) -> None:
    lines = [" ".join(line.split()) for line in shown(storage, raw).splitlines()]
    assert "owner data" in lines
    assert "pii personal (user_id identifier, messages[].content free_text)" in lines
    # 90 days after 31 January are up on 1 May.
    assert "retention 90 days, until 2026-05-01" in lines
    scores = dataset.publish_records(storage, root, "scores", [Score("x", 1.0)], Provenance())
    lines = [" ".join(line.split()) for line in shown(storage, scores).splitlines()]
    assert {"pii none", "retention no limit"} <= set(lines)


def test_lineage_opens_each_parent_once(
    storage: Storage, root: str, raw: str, tmp_path: Path
) -> None:
    reject = Reject("p1", "in.jsonl", 0, "too_long", "rule", "", None)
    rejects = dataset.publish_records(
        storage, root, "rejects", [reject], Provenance(parents=(raw,), stage="prompts")
    )
    (tmp_path / "x").write_text("x")
    policy = dataset.publish_folder(
        storage, root, "policy", "sft", tmp_path, Provenance(parents=(rejects, raw), stage="sft")
    )
    page = shown(storage, policy)
    assert "models/sft" in page
    assert page.count("datasets/raw_prompts") == 2
    assert "datasets/rejects" in page
    assert "by prompts" in page
    storage.delete([parse_reference(raw).prefix + "/manifest.json"])
    assert f"gone {raw}" in shown(storage, policy)


@pytest.mark.parametrize("uri", ["prompts", "s3://instructflow-test/nothing/here"])
def test_what_is_not_there_is_told(storage: Storage, uri: str) -> None:
    with pytest.raises(DatasetError, match=r"is no reference|nothing is published here"):
        shown(storage, uri)


def test_names_stand_for_what_was_published_last(storage: Storage, root: str, raw: str) -> None:
    for name in ("raw_prompts", "dataset/raw_prompts"):
        stream = io.StringIO()
        inspect_reference(storage, name, Console(file=stream, width=200), root)
        assert stream.getvalue().splitlines()[0] == raw
    with pytest.raises(DatasetError, match="no policy 'sft' has been published below"):
        inspect_reference(storage, "policy/sft", Console(file=io.StringIO()), root)


def test_what_there_is_can_be_listed(storage: Storage, root: str) -> None:
    stream = io.StringIO()
    list_published(storage, root, Console(file=stream))
    assert stream.getvalue() == f"nothing is published below {root} yet\n"


def test_a_list_has_a_line_each(storage: Storage, root: str, raw: str) -> None:
    stream = io.StringIO()
    list_published(storage, root, Console(file=stream, width=40))
    (line,) = stream.getvalue().splitlines()
    name, day, time, reference = line.split()
    assert (name, reference) == ("dataset/raw_prompts", raw)
    assert f"{day} {time}" < "2100"
