"""What changed between two versions, whom it breaks, and whether old rows can still be read."""

import itertools
from typing import Any

import pyarrow as pa
import pytest
from contract_examples import GOOD, mutations

from data_contracts.changes import BOTH, NOBODY, READERS, WRITERS, Party, compare
from data_contracts.contract import Contract, load, parse
from data_contracts.lock import existing
from data_contracts.rules import first_broken
from data_contracts.schema import arrow_schema
from data_contracts.upgrade import obstacles, upgrade

BASE = """
name: notes
version: 1
owner: data
description: For tests.
pii: pseudonymous
retention: {days: 30, reason: For tests.}
record: Note
key: [id]
fields:
  - {name: id, type: string, description: Its id., pii: none, unique: true, length: {max: 9}}
  - {name: who, type: string, description: Who., pii: pseudonym, regex: "[^@]+"}
  - {name: mood, type: string, description: Mood., allowed: [glad, sad]}
  - {name: text, type: string, description: Text., pii: free_text, not_blank: true}
  - {name: score, type: number, description: Score., range: {min: 0, max: 1}}
  - {name: count, type: integer, description: Count., nullable: true}
  - name: tags
    type: list
    description: Tags.
    length: {max: 5}
    items:
      name: tag
      type: record
      description: A tag.
      fields:
        - {name: name, type: string, description: Name., pii: none, length: {min: 1}}
  - name: ranks
    type: list
    description: Ranks.
    items: {name: rank, type: integer, description: A rank.}
rules:
  - {kind: same_length, fields: [tags, ranks]}
  - {kind: distinct_items, field: tags, part: name}
"""
#: What is replaced, by what, where the change is told, some of its words, and whom it breaks.
CHANGES: list[tuple[str, str, str, str, tuple[Party, ...]]] = [
    ("name: mood,", "name: temper,", "mood", "renamed to temper", BOTH),
    ("type: integer, description: Count", "type: string, description: Count", "count",
     "type: integer -> string", BOTH),
    ("Count., nullable: true", "Count.", "count", "may no longer be null", WRITERS),
    ("Text., pii: free_text", "Text., pii: free_text, nullable: true", "text",
     "may be null now", READERS),
    ("[glad, sad]", "[glad]", "mood", "no longer allowed: sad", WRITERS),
    ("[glad, sad]", "[glad, sad, angry]", "mood", "readers do not know: angry", READERS),
    (", allowed: [glad, sad]", "", "mood", "no longer one of glad, sad", READERS),
    (", nullable: true", ", nullable: true, range: {min: 0}", "count", "open -> 0", WRITERS),
    ("range: {min: 0, max: 1}", "range: {min: 0, max: 2}", "score", "max: 1 -> 2", READERS),
    ("range: {min: 0, max: 1}", "range: {min: 0.5, max: 1}", "score", "min: 0 -> 0.5", WRITERS),
    ("range: {min: 0, max: 1}", "range: {min: -1, max: 1}", "score", "min: 0 -> -1", READERS),
    ("range: {min: 0, max: 1}", "range: {max: 1}", "score", "min: 0 -> open", READERS),
    ("length: {max: 5}", "length: {max: 3}", "tags", "length, max: 5 -> 3", WRITERS),
    ("length: {max: 5}", "length: {max: 9}", "tags", "length, max: 5 -> 9", READERS),
    (", not_blank: true", "", "text", "no longer not blank", READERS),
    (", unique: true", "", "id", "no longer unique", READERS),
    ("Who., pii: pseudonym", "Who., pii: pseudonym, unique: true", "who", "now unique", WRITERS),
    ('regex: "[^@]+"', 'regex: "[a-z]+"', "who", "regex: [^@]+ -> [a-z]+", BOTH),
    (', regex: "[^@]+"', "", "who", "regex: [^@]+ -> any", READERS),
    ("Name., pii: none", 'Name., pii: none, regex: "x+"', "tags[].name", "any -> x+", WRITERS),
    ("pii: pseudonym,", "pii: identifier,", "who", "PII class: pseudonym -> identifier", READERS),
    ("pii: pseudonym,", "pii: none,", "who", "PII class: pseudonym -> none", NOBODY),
    ("pii: pseudonymous", "pii: personal", "", "PII class: pseudonymous -> personal", READERS),
    ("key: [id]", "key: [who]", "", "key: id -> who", READERS),
    ("record: Note", "record: Memo", "", "record: Note -> Memo", BOTH),
    ("record: Note", "record: Note\nmin_rows: 0", "", "least rows: 1 -> 0", READERS),
    ("record: Note", "record: Note\nmin_rows: 5", "", "least rows: 1 -> 5", WRITERS),
    ("name: notes", "name: memos", "", "another dataset", BOTH),
    ("days: 30", "days: 60", "", "retention: 30 days -> 60 days", NOBODY),
    ("  - {kind: distinct_items, field: tags, part: name}\n", "", "", "rule dropped", READERS),
    ("rules:\n", "rules:\n  - {kind: unique_together, fields: [who, mood]}\n", "",
     "rule added: who, mood: unique together", WRITERS),
    ("rules:\n", "  - {name: more, type: boolean, description: More.}\nrules:\n", "more",
     "added, required, no default", WRITERS),
    ("rules:\n", "  - {name: more, type: boolean, description: More., default: false}\nrules:\n",
     "more", "added, False where it is left out", NOBODY),
    ("rules:\n", "  - {name: more, type: boolean, description: More., nullable: true}\nrules:\n",
     "more", "added, null where it is left out", NOBODY),
    ("  - {name: score, type: number, description: Score., range: {min: 0, max: 1}}\n", "",
     "score", "removed", READERS),
    ("length: {min: 1}}\n", "length: {min: 1}}\n        - {name: weight, type: number, "
     "description: Weight., nullable: true}\n", "tags[].weight", "added, null", NOBODY),
    ("length: {min: 1}}\n", "length: {min: 1}}\n        - {name: weight, type: number, "
     "description: Weight.}\n", "tags[].weight", "added, required", WRITERS),
]  # fmt: skip


def changed(old: str, new: str) -> Contract:
    assert BASE.count(old) == 1, old
    return parse(BASE.replace(old, new), "notes/v2.yaml")


@pytest.mark.parametrize(("old", "new", "path", "words", "breaks"), CHANGES)
def test_a_change_is_found_and_says_whom_it_breaks(
    old: str, new: str, path: str, words: str, breaks: tuple[Party, ...]
) -> None:
    (change,) = compare(parse(BASE, "v1"), changed(old, new))
    assert change.path == path
    assert words in change.what
    assert change.breaks == breaks


def test_wording_is_no_change() -> None:
    other = BASE.replace("Its id.", "The id.").replace("owner: data", "owner: others")
    assert compare(parse(BASE, "v1"), parse(other.replace("version: 1", "version: 2"), "v2")) == []


def test_two_columns_may_swap_places_but_not_names() -> None:
    lines = BASE.splitlines()
    at = next(n for n, line in enumerate(lines) if "name: mood" in line)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    assert compare(parse(BASE, "v1"), parse("\n".join(lines), "v2")) == []


ROW: dict[str, Any] = {
    "id": "a", "who": "u", "mood": "sad", "text": "x", "score": 0.0, "count": None,
    "tags": [{"name": "t"}, {"name": "s"}], "ranks": [1, 2],
}  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "id": ["a" * 9, "a" * 10],
    "who": ["a@b", "Z", None],
    "mood": ["glad", "angry", None],
    "text": [" ", "", None],
    "score": [-1.0, 0.4, 1.0, 2.0],
    "count": [-1, 5],
    "tags": [[{"name": n} for n in "abcdef"[:k]] for k in range(7)] + [[{"name": "t"}] * 2],
    "ranks": [[], [1] * 4, [1] * 6],
}


@pytest.mark.parametrize(("old", "new"), [(c[0], c[1]) for c in CHANGES])
def test_a_row_that_only_one_version_takes_is_a_break_that_was_told(old: str, new: str) -> None:
    """Whatever the comparison says, rows decide: a break that it overlooks would show here."""
    before, after = parse(BASE, "v1"), changed(old, new)
    if before.record != after.record or before.name != after.name:
        pytest.skip("rows cannot show it")
    told = {party for change in compare(before, after) for party in change.breaks}
    columns = {field.name for field in after.fields}
    rows = [ROW] + [ROW | {name: v} for name, values in VALUES.items() for v in values]
    rows += [row | {"ranks": [1] * len(row["tags"])} for row in rows]
    for row in rows:
        now = {f.name: row.get(f.name, f.default) for f in after.fields}
        broken = first_broken(before, row), first_broken(after, now)
        if broken[0] is None and broken[1] is not None:
            assert "writers" in told, broken[1]
        if broken[0] is not None and broken[1] is None and broken[0].path in columns:
            assert "readers" in told, broken[0]


@pytest.mark.parametrize(("old", "new", "breaks"), [(c[0], c[1], c[4]) for c in CHANGES])
def test_old_rows_are_readable_where_no_writer_breaks(
    old: str, new: str, breaks: tuple[Party, ...]
) -> None:
    before, after = parse(BASE, "v1"), changed(old, new)
    assert bool(obstacles(before, after)) == ("writers" in breaks)
    if "writers" not in breaks:
        batch = pa.RecordBatch.from_pylist([ROW], arrow_schema(before))
        (row,) = upgrade(batch, after).to_pylist()
        assert list(row) == [field.name for field in after.fields]
        assert first_broken(after, row) is None
        assert {k: row[k] for k in ROW if k in row and k != "tags"} == {
            k: v for k, v in ROW.items() if k in row and k != "tags"
        }


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_version_does_not_differ_from_itself(name: str) -> None:
    assert compare(load(name), load(name)) == []


def test_shipped_versions_are_read_as_the_newest() -> None:
    """Whoever ends that for a dataset says so here."""
    for old, new in itertools.combinations(existing(), 2):
        if old.name == new.name:
            assert obstacles(old, new) == [], (old.id, new.id)


def test_old_rejects_break_no_rule_of_the_new() -> None:
    old, new = load("rejects@1"), load("rejects@2")
    for row in mutations(new):
        row.pop("cluster")
        if first_broken(old, row) is None:
            batch = pa.RecordBatch.from_pylist([row], arrow_schema(old))
            (upgraded,) = upgrade(batch, new).to_pylist()
            assert first_broken(new, upgraded) is None
            assert upgraded["cluster"] == ""
