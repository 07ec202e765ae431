from pathlib import Path
from typing import Any

import pytest
from rows_to_publish import MAPPED, SECRET, lines, rejects, row, rows_of

from components.core.dataset import open_manifest, resolve
from components.core.errors import BadInput, UserError
from components.core.records import (
    Ranking,
    RawPrompt,
)
from components.core.storage import Storage
from pipelines import source_rows
from pipelines.publish import publish_file

BAD_ROWS: list[tuple[Any, str]] = [
    (b'{"key": "k", "who": "u", "ask": "' + SECRET.encode() + b"\n", "malformed"),
    (b"[" * 100_000 + b"\n", "malformed"),
    (b'["' + SECRET.encode() + b'"]\n', "malformed"),
    (b'{"key": "k", "who": "u", "ask": "caf\xe9 ' + SECRET.encode() + b'"}\n', "invalid_utf8"),
    (row(9, who=None, ask=SECRET), "missing_user_id"),
    ({"key": "k", "ask": SECRET}, "missing_user_id"),
    (row(9, who="", ask=SECRET), "missing_user_id"),
    (row(9, who={"name": SECRET}), "bad_user_id"),
    (row(9, ask=""), "empty_prompt"),
    (row(9, ask=" \n\t"), "empty_prompt"),
    (row(9, ask=None), "empty_prompt"),
    (row(9, ask=[]), "empty_prompt"),
    (row(9, ask=[{"role": "user"}]), "empty_prompt"),
    (row(9, ask=SECRET * 800_000), "too_long"),
    (row(9, ask=[{"role": "assistant", "content": SECRET}]), "last_turn_not_user"),
    (row(9, ask=[{"role": SECRET, "content": "x"}]), "bad_role"),
    (row(9, ask="\udcff" + SECRET), "bad_content"),
    (row(9, ask=17), "bad_messages"),
    (row(0, ask=SECRET), "duplicate_id"),
    (row(9, key=""), "missing_id"),
    (row(9, key="k" * 301), "too_long"),
    (row(9, key=2.5), "bad_id"),
    # Ids are published: one that names a person is neither taken nor told.
    (row(9, key=f"{SECRET}@example.org"), "personal_id"),
    (row(9, who=SECRET, key=f"{SECRET}-17"), "personal_id"),
    (row(9, who=SECRET, key=f"17/{SECRET}", ask=""), "empty_prompt"),
]


def test_bad_row_is_a_reject_with_number_and_reason(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(row(0), b"\n", *(bad for bad, _ in BAD_ROWS), row(1)))
    result = publish_file(storage, root, "raw_prompts", [path], MAPPED)
    assert rejects(storage, result) == [(2 + n, why) for n, (_, why) in enumerate(BAD_ROWS)]
    assert [r.id for r in rows_of(storage, result, RawPrompt)] == ["k0", "k1"]


def test_line_beyond_memory_is_skipped(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_rows, "MAX_LINE", 1_000)
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(row(0), row(1, ask="x" * 5_500), row(2)))
    result = publish_file(storage, root, "raw_prompts", [path], MAPPED)
    assert rejects(storage, result) == [(1, "too_long")]
    assert result.rows_out == 2


def test_bad_csv_rows_are_rejects(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(
        b"\xef\xbb\xbfkey,who,ask\r\nk0,u,Why?\r\nk1,u\r\nk2,u,caf\xe9\r\nk3,,Why?\r\n"
        b"k4,u,a\rb,c\r\n\r\nk5,u,Why?\r\n"
    )
    result = publish_file(storage, root, "raw_prompts", [path], MAPPED)
    assert rejects(storage, result) == [
        (1, "malformed"),
        (2, "invalid_utf8"),
        (3, "missing_user_id"),
        (4, "malformed"),
    ]
    assert [r.id for r in rows_of(storage, result, RawPrompt)] == ["k0", "k5"]


def ranking(**change: Any) -> dict[str, Any]:
    return {"id": "r", "messages": "Why?", "outputs": ["x", "y", "z"], "ranks": [2, 1, 2]} | change


BAD_RANKINGS: list[tuple[Any, str]] = [
    ({"outputs": ["x"], "ranks": [1]}, "too_few_outputs"),
    ({"outputs": [], "ranks": []}, "too_few_outputs"),
    ({"ranks": {"o0": 1, "o1": 2, "o7": 3}}, "unknown_output"),
    ({"ranks": {"o0": 1, "o1": 2}}, "unranked_output"),
    ({"ranks": [1, 2]}, "rank_count"),
    ({"ranks": [1, 2, 3, 4]}, "rank_count"),
    ({"ranks": [1, 2, 9]}, "bad_ranks"),
    ({"ranks": [0, 1, 2]}, "bad_ranks"),
    ({"ranks": [1, 2, "best"]}, "bad_ranks"),
    ({"outputs": [{"id": "a", "text": "x", "system": "s"}] * 3}, "duplicate_output"),
    ({"outputs": "x"}, "bad_outputs"),
    ({"labeler": "ada@example.org"}, "bad_labeler"),
]


def test_bad_ranking_is_a_reject(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    bad = [ranking(id=f"bad{n}", **change) for n, (change, _) in enumerate(BAD_RANKINGS)]
    path.write_bytes(lines(ranking(), *bad))
    result = publish_file(storage, root, "rankings", [path])
    assert rejects(storage, result) == [(1 + n, why) for n, (_, why) in enumerate(BAD_RANKINGS)]


def test_ranks_may_name_outputs(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(ranking(ranks={"o2": 1, "o0": 2, "o1": 3})))
    (got,) = rows_of(storage, publish_file(storage, root, "rankings", [path]), Ranking)
    assert got.ranks == (2, 3, 1)
    assert [(o.id, o.text, o.system) for o in got.outputs] == [
        ("o0", "x", "unknown"),
        ("o1", "y", "unknown"),
        ("o2", "z", "unknown"),
    ]
    assert (got.labeler, got.labeler_group) == ("unknown", "training")


def test_no_good_row_is_an_error_and_rejects_are_published(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(row(0, who=None), row(1, who=None), row(2, ask="")))
    message = "none of 3 rows .*2 missing_user_id, 1 empty_prompt; see s3://"
    with pytest.raises(BadInput, match=message):
        publish_file(storage, root, "raw_prompts", [path], MAPPED)
    assert open_manifest(storage, resolve(storage, root, "rejects")).rows == 3
    with pytest.raises(UserError, match="no dataset 'raw_prompts'"):
        resolve(storage, root, "raw_prompts")
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="the files hold no rows"):
        publish_file(storage, root, "raw_prompts", [path])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_full_disk_is_told(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", lambda *_, **__: Path("/dev/full").open("w"))  # noqa: SIM115
    path = tmp_path / "bad.jsonl"
    path.write_text("{}\n" * 1000)
    with pytest.raises(UserError, match=r"its disk .*is full; set TMPDIR to a folder on a larger"):
        publish_file(storage, root, "raw_prompts", [path])
