import csv
import gzip
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from components.core.dataset import open_manifest, read_records, resolve
from components.core.errors import BadInput, UserError
from components.core.records import (
    Demonstration,
    Document,
    Message,
    Ranking,
    RawPrompt,
    Record,
    Reject,
)
from components.core.storage import Storage
from data_contracts.contract import load
from pipelines import source_rows
from pipelines.publish import PublishResult, publish_file, show_result

SECRET = "Zanzibar-4711"
MAPPED = ["id=key", "user_id=who", "messages=ask"]


def row(number: int, **change: Any) -> dict[str, Any]:
    return {"key": f"k{number}", "who": f"u{number}", "ask": f"Why {number}?"} | change


def lines(*rows: Any) -> bytes:
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in rows)


def rejects(storage: Storage, result: PublishResult) -> list[tuple[int, str]]:
    assert result.rows_in == result.rows_out + sum(result.rejected.values())
    assert open_manifest(storage, result.reference).rows == result.rows_out
    if not result.rejects:
        assert result.rejected == {}
        return []
    rows = list(read_records(storage, result.rejects, Reject))
    assert Counter(reject.reason for reject in rows) == result.rejected
    assert SECRET not in repr(rows)
    return [(reject.row, reject.reason) for reject in rows]


def rows_of(storage: Storage, result: PublishResult, record: type[Record]) -> list[Any]:
    return list(read_records(storage, result.reference, record))


# Forms


def write(folder: Path, form: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"prompts.{form}"
    text = io.StringIO(newline="")
    if "csv" in form:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    data = text.getvalue().encode() if "csv" in form else lines(*rows)
    if form.startswith("json") and "jsonl" not in form:
        data = json.dumps(rows, indent=1).encode()
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif form.endswith("gz"):
        path.write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "form", ["jsonl", "jsonl.gz", "ndjson", "json", "json.gz", "csv", "csv.gz", "parquet", "JSONL"]
)
def test_every_form_gives_the_same_dataset(
    storage: Storage, root: str, tmp_path: Path, form: str
) -> None:
    rows = [row(n, when=n, ask=f'Say "{n}",\nplease: ñ 漢字') for n in range(5)]
    path = write(tmp_path, form, rows)
    result = publish_file(storage, root, "raw_prompts", [path], [*MAPPED, "time=when"])
    assert rejects(storage, result) == []
    expected = [
        RawPrompt(
            f"k{n}",
            f"u{n}",
            "api",
            "plain",
            (Message("user", f'Say "{n}",\nplease: ñ 漢字'),),
            n,
        )
        for n in range(5)
    ]
    assert rows_of(storage, result, RawPrompt) == expected
    assert resolve(storage, root, "raw_prompts") == result.reference


def test_several_files_are_one_dataset(storage: Storage, root: str, tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_bytes(lines(row(0), row(1)))
    second.write_bytes(lines(row(2), row(1)))
    result = publish_file(storage, root, "raw_prompts", [first, second], MAPPED)
    assert [r.id for r in rows_of(storage, result, RawPrompt)] == ["k0", "k1", "k2"]
    (reject,) = read_records(storage, result.rejects, Reject)
    assert (reject.origin, reject.row, reject.id) == ("b.jsonl", 1, "k1")
    assert (reject.reason, reject.rule) == ("duplicate_id", "id: unique")


# Bad rows


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


# Mapping


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


def test_ids_default_to_a_content_hash(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    one, two = {"user_id": "u", "messages": "Why?"}, {"user_id": "u", "messages": "Why not?"}
    path.write_bytes(lines(one, two, dict(reversed(one.items()))))
    result = publish_file(storage, root, "raw_prompts", [path])
    assert rejects(storage, result) == [(2, "duplicate")]
    ids = [r.id for r in rows_of(storage, result, RawPrompt)]
    path.write_bytes(lines(two, one))
    again = [
        r.id
        for r in rows_of(storage, publish_file(storage, root, "raw_prompts", [path]), RawPrompt)
    ]
    assert again == ids[::-1]


# Files


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("none.jsonl", None, "does not exist"),
        ("x.txt", b"x", "unknown form"),
        ("x.parquet.gz", b"x", "unknown form"),
        ("x.parquet", b"PAR1 but no more", "no Parquet file"),
        ("x.jsonl.gz", b"not zipped", "no whole gzip file"),
        ("x.jsonl.gz", gzip.compress(b"{}\n" * 9999)[:40], "no whole gzip file"),
        ("x.json", b'[{"a": 1},', "line 1: no JSON"),
        ("x.json", b'["caf\xe9"]', "byte 5 is not UTF-8"),
        ("x.csv", b"", "is empty"),
        ("x.csv", b"a,a\n1,2\n", "names a column twice"),
    ],
)
def test_file_that_cannot_be_read_is_named(
    storage: Storage, root: str, tmp_path: Path, name: str, content: bytes | None, error: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=name) as caught:
        publish_file(storage, root, "raw_prompts", [path])
    assert error in str(caught.value)
    assert list(storage.list(root)) == []


def test_folder_dataset_and_form_that_are_not_there(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="is a folder"):
        publish_file(storage, root, "raw_prompts", [tmp_path])
    with pytest.raises(UserError, match="no contract for the dataset 'poems'"):
        publish_file(storage, root, "poems", [tmp_path])
    with pytest.raises(UserError, match="--format poems: unknown; there are: plain"):
        publish_file(storage, root, "prompts", [tmp_path], form="poems")
    with pytest.raises(UserError, match="makes raw_prompts or demonstrations, not rankings"):
        publish_file(storage, root, "rankings", [tmp_path], form="self-instruct")


def test_append_puts_earlier_rows_first_and_refuses_their_ids(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(row(0), row(1)))
    first = publish_file(storage, root, "raw_prompts", [path], MAPPED)
    path.write_bytes(lines(row(1), row(2)))
    second = publish_file(storage, root, "raw_prompts", [path], MAPPED, append_to=first.reference)
    assert (second.rows_in, second.rows_out, second.rejected) == (2, 1, {"duplicate_id": 1})
    assert [r.id for r in rows_of(storage, second, RawPrompt)] == ["k0", "k1", "k2"]
    manifest = open_manifest(storage, second.reference)
    assert manifest.provenance.parents == (first.reference,)


# Layouts


def test_self_instruct(storage: Storage, root: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": "t0",
            "instruction": "Sort.",
            "instances": [{"input": "b a", "output": "a b"}, {"input": "", "output": "?"}],
        },
        {
            "id": "t1",
            "motivation_app": "Gmail",
            "instruction": "Greet.",
            "instances": [{"input": "", "output": "Hi"}],
        },
        {"id": "t2", "instruction": "Nothing.", "instances": []},
        {"id": "t3", "instruction": "Empty.", "instances": [{"input": "", "output": " "}]},
        {"id": "t4", "instruction": "Bad.", "instances": SECRET},
    ]
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(*rows))
    result = publish_file(storage, root, "demonstrations", [path], form="self-instruct")
    assert rows_of(storage, result, Demonstration) == [
        Demonstration("t0-0", "self_instruct", (Message("user", "Sort.\n\nb a"),), "a b"),
        Demonstration("t0-1", "self_instruct", (Message("user", "Sort."),), "?"),
        Demonstration("t1", "self_instruct", (Message("user", "Greet."),), "Hi"),
    ]
    assert result.rows_in == 6
    assert rejects(storage, result) == [
        (2, "malformed"),
        (3, "empty_completion"),
        (4, "malformed"),
    ]
    raw = publish_file(storage, root, "raw_prompts", [path], form="self-instruct")
    (gmail,) = (r for r in rows_of(storage, raw, RawPrompt) if r.id == "t1")
    assert (gmail.user_id, gmail.kind, gmail.source) == ("Gmail", "user_based", "labeler")


def reply(name: str, rank: int | None, *below: dict[str, Any]) -> dict[str, Any]:
    said = {"message_id": name, "role": "assistant", "text": f"says {name}", "replies": list(below)}
    return said if rank is None else said | {"rank": rank}


def asked(name: str, *replies: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": name, "role": "prompter", "text": f"asks {name}", "replies": [*replies]}


def test_oasst_trees(storage: Storage, root: str, tmp_path: Path) -> None:
    deep = asked("q2", reply("d", 2), reply("e", 0), reply("f", 1), reply("g", None))
    tree = {
        "message_tree_id": "tree",
        "prompt": asked("q1", reply("a", 1, deep), reply("b", 0, asked("q3")), reply("c", 4)),
    }
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(tree, {"prompt": SECRET}))
    result = publish_file(storage, root, "rankings", [path], form="oasst-trees")
    assert result.rows_in == 4
    assert sorted(rejects(storage, result)) == [(0, "too_few_outputs"), (1, "malformed")]
    found = {r.id: r for r in rows_of(storage, result, Ranking)}
    assert [o.id for o in found["q1"].outputs] == ["b", "a", "c"]
    assert found["q1"].ranks == (1, 2, 3)
    assert [o.id for o in found["q2"].outputs] == ["e", "f", "d"]
    assert [(m.role, m.content) for m in found["q2"].messages] == [
        ("user", "asks q1"),
        ("assistant", "says a"),
        ("user", "asks q2"),
    ]
    assert found["q1"].split == found["q2"].split
    best = publish_file(storage, root, "demonstrations", [path], form="oasst-trees")
    assert {r.id: r.completion for r in rows_of(storage, best, Demonstration)} == {
        "q1": "says b",
        "q2": "says e",
    }
    raw = publish_file(storage, root, "raw_prompts", [path], form="oasst-trees")
    assert [(r.id, r.user_id) for r in rows_of(storage, raw, RawPrompt)] == [("tree", "tree-tree")]


def test_prompt_completion_documents(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    pairs = [{"prompt": f"Ask {n}\n\n", "completion": " Tell<|endoftext|>"} for n in range(400)]
    path.write_bytes(lines(*pairs, {"prompt": " ", "completion": "<|endoftext|>"}))
    result = publish_file(storage, root, "pretraining", [path], form="prompt-completion")
    documents = rows_of(storage, result, Document)
    assert documents[0].text == "Ask 0\nTell"
    assert rejects(storage, result) == [(400, "empty_text")]
    splits = Counter(document.split for document in documents)
    assert set(splits) == {"train", "validation", "test"}
    assert splits["train"] > 370


def test_map_overrides_a_layout(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({"user": "u", "prompt": "Why?", "time": 3, "title": "t1"}))
    result = publish_file(
        storage, root, "raw_prompts", [path], ["id=title", "source:=labeler"], form="prompts-chat"
    )
    assert rows_of(storage, result, RawPrompt) == [
        RawPrompt("t1", "u", "labeler", "plain", (Message("user", "Why?"),), 3)
    ]


def test_result_is_shown_with_counts_and_references() -> None:
    stream = io.StringIO()
    result = PublishResult("prompts", 1234, 1230, {"malformed": 3, "x": 1}, "s3://a", "s3://b")
    show_result(result, Console(file=stream, width=60))
    for expected in ("1,234", "1,230", "rejected: malformed", "prompts: s3://a", "rejects: s3://b"):
        assert expected in stream.getvalue()


def test_every_default_is_a_field_of_its_dataset() -> None:
    from pipelines.intake import DEFAULTS
    from pipelines.layouts import LAYOUTS

    for name, defaults in DEFAULTS.items():
        assert set(defaults) <= {field.name for field in load(name).fields}
    for _, datasets in LAYOUTS.values():
        assert all(load(name) for name in datasets)
