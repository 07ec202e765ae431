import json
from pathlib import Path
from typing import Any

import pytest
from rows_to_publish import MAPPED, lines, rejects, row, rows_of

from components.core.errors import UserError
from components.core.records import (
    Message,
    RawPrompt,
)
from components.core.storage import Storage
from pipelines.publish import publish_file


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (["messages=question"], "no row has a column 'question'; there are: ask, key, who"),
        (["question=ask"], "raw_prompts has no field 'question'; it has: id, user_id"),
        (["messages"], "expected field=column or field:=constant"),
        (["messages="], "expected field=column or field:=constant"),
        (["id=key", "id=who"], "mapped twice"),
    ],
)
def test_bad_mapping_is_told_and_nothing_is_published(
    storage: Storage, root: str, tmp_path: Path, mapping: list[str], says: str
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(row(0)))
    good = [m for m in MAPPED if not any(m.startswith(b.split("=")[0]) for b in mapping)]
    with pytest.raises(UserError, match="--map") as caught:
        publish_file(storage, root, "raw_prompts", [path], [*good, *mapping])
    assert says in str(caught.value)
    assert list(storage.list(root)) == []


@pytest.mark.parametrize(
    ("header", "says"),
    [
        # Without a header line, the first row's values stand in its place.
        ("ada.lovelace,call me at 415 555 0137", "there are: 2 (not shown"),
        ("jo@example.org,prompt", "there are: 2 (not shown"),
        (f"{'x' * 41},prompt", "there are: 2 (not shown"),
        ("user,turns.0,meta-data_2", "there are: meta-data_2, turns.0, user"),
    ],
)
def test_columns_are_told_only_where_they_look_like_columns(
    storage: Storage, root: str, tmp_path: Path, header: str, says: str
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(header + "\n" + ",".join("x" for _ in header.split(",")) + "\n")
    with pytest.raises(UserError) as caught:
        publish_file(storage, root, "raw_prompts", [path], ["messages=question"])
    assert says in str(caught.value)
    if "not shown" in says:
        assert "has the file a header row?" in str(caught.value)
        assert not any(part in str(caught.value) for part in header.split(","))


def test_dotted_paths_and_constants(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    rows = [{"m": {"by": {"id": 7}, "at": "2024-01-02T03:04:05Z"}, "turns": ["a", "b"], "t.x": "k"}]
    path.write_bytes(lines(*rows))
    mapping = ["id=t.x", "user_id=m.by.id", "messages=turns.1", "time=m.at", "source:=labeler"]
    result = publish_file(storage, root, "raw_prompts", [path], mapping)
    talk = (Message("user", "b"),)
    expected = RawPrompt("k", "7", "labeler", "plain", talk, 1_704_164_645)
    assert rows_of(storage, result, RawPrompt) == [expected]


def test_mapped_column_that_a_row_lacks_is_a_reject_and_not_a_default(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(row(0, when=5), row(1), row(2, when="soon")))
    result = publish_file(storage, root, "raw_prompts", [path], [*MAPPED, "time=when"])
    assert rejects(storage, result) == [(1, "missing_time"), (2, "bad_time")]


def test_dialogue_of_other_roles_is_understood(storage: Storage, root: str, tmp_path: Path) -> None:
    talk = [
        {"role": "human", "content": "Hi", "time": 3},
        {"role": "gpt", "content": "Hello"},
        {"role": "User", "content": "Why?"},
    ]
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(row(0, ask=talk), row(1, ask=json.dumps(talk))))
    talk_read = [m.role for m in _only(storage, root, path)[0].messages]
    assert talk_read == ["user", "assistant", "user"]


def _only(storage: Storage, root: str, path: Path) -> list[Any]:
    return rows_of(storage, publish_file(storage, root, "raw_prompts", [path], MAPPED), RawPrompt)
