"""What names a published row and where it came from, and that neither names a person."""

from pathlib import Path
from typing import Any

import pytest
from rows_to_publish import lines, rejects, rows_of

from components.core.dataset import open_manifest, read_records
from components.core.errors import BadInput
from components.core.records import Demonstration, Ranking, RawPrompt, Reject
from components.core.storage import Storage
from components.prompts.row_ids import person_in
from pipelines.intake import origins
from pipelines.publish import PublishResult, publish_file

#: Two rows without ids, and a blank line between them.
LOG = (
    b'{"user":"ada.lovelace","prompt":"Why?","time":5}\n\n'
    b'{"user":"ada.lovelace","prompt":"Why not?","time":6}\n'
)
#: ``sha256sum`` of it begins so.
DIGEST = "b3b34941a8bb"


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def ids(storage: Storage, result: PublishResult, record: Any = RawPrompt) -> list[str]:
    return [row.id for row in rows_of(storage, result, record)]


def test_row_without_an_id_is_called_by_its_place(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "log.jsonl", LOG)
    first = publish_file(storage, root, "raw_prompts", [path], form="prompts-chat")
    assert ids(storage, first) == [f"{DIGEST}-000000000", f"{DIGEST}-000000002"]
    # Under another name, too: the same dataset.
    again = written(tmp_path, "again.jsonl", LOG)
    second = publish_file(storage, root, "raw_prompts", [again], form="prompts-chat")
    assert second.reference == first.reference


def test_ids_of_several_files_differ_and_repetitions_go(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    """A repetition is a row all of whose columns are those of another, wherever that one stands."""
    why = {"user_id": "u", "messages": "Why?"}
    files = [
        written(tmp_path, "a.jsonl", lines(why, {"user_id": "u", "messages": "How?"})),
        written(tmp_path, "b.jsonl", lines({"user_id": "v", "messages": "Why?"})),
        written(tmp_path, "c.jsonl", lines(dict(reversed(why.items())), why | {"id": "mine"})),
        # Two people who did the same, which a column says that is no field.
        written(tmp_path, "d.jsonl", lines(why | {"seat": 1}, why | {"seat": 2}, why)),
        written(tmp_path, "e.csv", b"user_id,messages\nu,How?\nu,Where?\n"),
    ]
    result = publish_file(storage, root, "raw_prompts", files)
    assert rejects(storage, result) == [(0, "duplicate"), (2, "duplicate"), (0, "duplicate")]
    kept = rows_of(storage, result, RawPrompt)
    assert [(row.user_id, row.messages[0].content) for row in kept] == [
        ("u", "Why?"),
        ("u", "How?"),
        ("v", "Why?"),
        ("u", "Why?"),
        ("u", "Why?"),
        ("u", "Why?"),
        ("u", "Where?"),
    ]
    assert len({row.id for row in kept}) == 7
    assert kept[3].id == "mine"
    # The same file twice is nothing but repetitions.
    twice = publish_file(storage, root, "raw_prompts", [files[0], files[0]])
    assert (twice.rows_out, twice.rejected) == (2, {"duplicate": 2})


def test_repetitions_of_rows_appended_to_go(storage: Storage, root: str, tmp_path: Path) -> None:
    """A log that grows is another file, in which the same rows have other ids."""
    first = publish_file(
        storage, root, "raw_prompts", [written(tmp_path, "log.jsonl", LOG)], form="prompts-chat"
    )
    grown = written(tmp_path, "log.jsonl", LOG + LOG.replace(b"Why", b"How"))
    second = publish_file(
        storage,
        root,
        "raw_prompts",
        [grown],
        form="prompts-chat",
        append_to=first.reference,
    )
    assert (second.rows_out, second.rejected) == (2, {"duplicate": 2})
    found = ids(storage, second)
    assert found[:2] == ids(storage, first)
    assert len({*found}) == 4
    assert {name.split("-")[1] for name in found[2:]} == {"000000003", "000000005"}


def test_items_of_one_row_are_numbered(storage: Storage, root: str, tmp_path: Path) -> None:
    instances = [{"input": text, "output": text} for text in ("a", "b")]
    rows = [
        {"instruction": "Say", "instances": instances},
        {"instruction": "Sing", "instances": instances[:1]},
        {"instruction": "Say", "instances": instances},
    ]
    path = written(tmp_path, "in.jsonl", lines(*rows))
    result = publish_file(storage, root, "demonstrations", [path], form="self-instruct")
    assert rejects(storage, result) == [(2, "duplicate"), (2, "duplicate")]
    places = [name.partition("-")[2] for name in ids(storage, result, Demonstration)]
    assert places == ["000000000.0", "000000000.1", "000000001"]


def test_row_number_is_no_users_id(storage: Storage, root: str, tmp_path: Path) -> None:
    """Row 1042 of the user 1042 is as good as any."""
    rows = [{"user_id": f"{number}", "messages": f"Why {number}?"} for number in range(1_050)]
    path = written(tmp_path, "in.jsonl", lines(*rows))
    result = publish_file(storage, root, "raw_prompts", [path])
    assert (result.rows_out, result.rejected) == (1_050, {})
    assert not any(person_in(row.id, row.user_id) for row in rows_of(storage, result, RawPrompt))


def test_prompt_ids_by_content_stand_beside_that_content(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    ranking = {"messages": "Why?", "outputs": ["x", "y"], "ranks": [1, 2]}
    path = written(tmp_path, "in.jsonl", lines(ranking, ranking | {"ranks": [2, 1]}))
    result = publish_file(storage, root, "rankings", [path])
    first, second = rows_of(storage, result, Ranking)
    assert first.prompt_id == second.prompt_id
    assert first.split == second.split
    assert first.id != second.id
    # Ratings hold no text, and so no hash of one.
    rating = {"task_id": "t", "output_id": "o", "system": "s", "labeler": "l", "likert": 3}
    path.write_bytes(lines(rating | {"labeler_group": "training", "flags": [], "rank": 1}))
    with pytest.raises(BadInput, match="1 missing_prompt_id"):
        publish_file(storage, root, "ratings", [path])


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": None},
        {"user_id": " ", "messages": ""},
        {"user_id": {"mail": "x"}},
        {"id": "GUDRUN.LEAK-17"},
        {"id": "gudrun%2Eleak-17"},
        {"id": "xgudrun.leak5"},
        {"user_id": "u2", "id": "gudrun.leak＠example.org"},
        {"user_id": "u2", "id": "+4915112340008"},
        {"user_id": "u2", "id": "219-09-4410", "messages": ""},
        {"user_id": "u2", "id": "gudrun\ud800%40example.org"},
    ],
)
def test_reject_shows_no_id_that_may_name_a_person(
    storage: Storage, root: str, tmp_path: Path, change: dict[str, Any]
) -> None:
    whole = {"id": "gudrun.leak-17", "user_id": "gudrun.leak", "messages": "Why?"}
    good = {"id": "k1", "user_id": "u1", "messages": "How?"}
    path = written(tmp_path, "in.jsonl", lines(good, whole | change))
    result = publish_file(storage, root, "raw_prompts", [path])
    (reject,) = read_records(storage, result.rejects, Reject)
    assert (reject.id, reject.row) == ("", 1)
    assert "leak" not in repr(reject)


def test_file_whose_name_may_be_a_persons_is_called_by_its_number(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    names = ["log-2026-01-02.jsonl", "ada@example.org.jsonl", "+4915112340008.jsonl"]
    row = {"user_id": "u", "messages": ""}
    files = [written(tmp_path, name, lines(row)) for name in names]
    files.append(written(tmp_path, "in.jsonl", LOG))
    mapping = ["user_id=user", "messages=prompt"]
    result = publish_file(storage, root, "raw_prompts", files, mapping)
    found = [reject.origin for reject in read_records(storage, result.rejects, Reject)]
    assert found == ["log-2026-01-02.jsonl", "file 2", "file 3"]


def test_no_record_holds_a_digest_of_a_constant_or_a_name(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    """Whoever guesses at a user, or at whose file it was, learns nothing from the digest."""

    def digest(name: str, *mapping: str) -> str:
        path = written(tmp_path, name, lines({"messages": "Why?"}))
        result = publish_file(storage, root, "raw_prompts", [path], mapping)
        return open_manifest(storage, result.reference).provenance.config_digest

    # Each makes another dataset, and so a manifest of its own.
    asked = digest("ada@example.org.jsonl", "user_id:=ada", "time:=1")
    assert digest("bob@example.org.jsonl", "user_id:=bob", "time:=1") == asked
    assert digest("ada@example.org.jsonl", "user_id:=cleo", "source:=labeler") != asked


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a/part.jsonl", "b/part.jsonl", "jo@example.org.csv")]
    assert origins(files) == ["part.jsonl", "part.jsonl file 2", "file 3"]
