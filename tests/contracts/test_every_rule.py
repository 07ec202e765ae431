"""Every kind of rule, on every type that may have it, reaches Great Expectations and finds rows."""

import typing
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.contract import Rule, parse
from data_contracts.errors import ContractViolation
from data_contracts.projection import checks
from data_contracts.report import ValidationReport
from data_contracts.rules import FieldRuleKind, first_broken
from data_contracts.schema import arrow_schema
from data_contracts.validate import Validator, suite

EVERY = parse(
    """
name: every
version: 1
owner: data
description: For tests.
pii: pseudonymous
retention: {days: null, reason: For tests.}
record: Every
key: [id]
min_rows: 2
fields:
  - {name: id, type: string, description: I., pii: none, unique: true}
  - {name: text, type: string, description: T., pii: free_text, length: {min: 2, max: 9},
     not_blank: true, allowed: ["good", "fine", "   "], regex: "[a-z ]+", nullable: true}
  - {name: word, type: string, description: W., pii: none, length: {max: 4}, not_blank: true,
     allowed: ["good", "fine", "  ", "toolong", "Odd"], regex: "[a-z ]*", nullable: true}
  - {name: whole, type: integer, description: W., range: {min: -1, max: 5}, nullable: true}
  - {name: share, type: number, description: S., range: {max: 1}, nullable: true}
  - {name: open, type: number, description: O.}
  - {name: flag, type: boolean, description: F.}
  - name: entry
    type: record
    description: E.
    fields:
      - {name: part, type: integer, description: P., range: {min: 0}}
  - name: turns
    type: list
    description: T.
    length: {min: 1, max: 3}
    items:
      name: turn
      type: record
      description: T.
      fields:
        - {name: role, type: string, description: R., allowed: [a, b]}
        - {name: said, type: string, description: S., pii: free_text, regex: "[a-z ]*",
           length: {max: 3}}
  - name: ranks
    type: list
    description: R.
    items: {name: rank, type: integer, description: R., range: {max: 9}}
rules:
  - {kind: same_length, fields: [turns, ranks]}
  - {kind: within_length, field: ranks, of: turns}
  - {kind: distinct_items, field: turns, part: said}
  - {kind: last_item, field: turns, part: role, equals: b}
  - {kind: last_item, field: turns, part: said, not_blank: true}
  - {kind: unique_together, fields: [whole, flag]}
""",
    "every",
)
GOOD: dict[str, Any] = {
    "id": "x", "text": "good", "word": "good", "whole": 1, "share": 0.5, "open": 1.0, "flag": True,
    "entry": {"part": 0}, "turns": [{"role": "b", "said": "hm"}], "ranks": [1],
}  # fmt: skip
TWO = [{"role": "a", "said": "a"}, {"role": "b", "said": "b"}]
#: A change of the good row, and the rule that it breaks.
BAD: list[tuple[dict[str, Any], str]] = [
    ({"text": "x"}, "text: length 2 to 9"),
    ({"text": "bad"}, "text: one of good, fine,    "),
    ({"text": "GOOD"}, "text: matches [a-z ]+"),
    ({"text": "   "}, "text: not blank"),
    ({"word": "toolong"}, "word: length any to 4"),
    ({"word": "bad"}, "word: one of good, fine,   , toolong, Odd"),
    ({"word": "Odd"}, "word: matches [a-z ]*"),
    ({"word": "  "}, "word: not blank"),
    ({"whole": 6}, "whole: between -1 to 5"),
    ({"whole": -2}, "whole: between -1 to 5"),
    ({"share": 1.5}, "share: between any to 1"),
    ({"share": float("-inf")}, "share: between any to 1"),
    ({"open": float("inf")}, "open: finite"),
    ({"open": None}, "open: not null"),
    ({"open": float("nan")}, "open: not null"),
    ({"flag": None}, "flag: not null"),
    ({"entry": None}, "entry: not null"),
    ({"entry": {"part": -1}}, "entry.part: between 0 to any"),
    ({"entry": {"part": None}}, "entry.part: not null"),
    ({"turns": [], "ranks": []}, "turns: length 1 to 3"),
    ({"turns": TWO, "ranks": [1]}, "turns, ranks: same length"),
    ({"turns": TWO, "ranks": [1, 3]}, "ranks[]: within 1 to the number of turns"),
    ({"turns": [{"role": "a", "said": "b"}, TWO[1]], "ranks": [1, 2]},
     "turns[].said: distinct within a row"),
    ({"turns": [{"role": "a", "said": "hm"}]}, "turns[last].role: equals b"),
    ({"turns": [{"role": "b", "said": " "}]}, "turns[last].said: not blank"),
    ({"turns": [None, TWO[1]], "ranks": [1, 2]}, "turns[]: not null"),
    ({"turns": [{"role": "c", "said": "a"}, TWO[1]], "ranks": [1, 2]},
     "turns[].role: one of a, b"),
    ({"turns": [{"role": "a", "said": "A"}, TWO[1]], "ranks": [1, 2]},
     "turns[].said: matches [a-z ]*"),
    ({"turns": [{"role": "a", "said": "long"}, TWO[1]], "ranks": [1, 2]},
     "turns[].said: length any to 3"),
    ({"ranks": [None]}, "ranks[]: not null"),
    ({"ranks": [10]}, "ranks[]: between any to 9"),
]  # fmt: skip


def broken_by(rows: list[dict[str, Any]]) -> dict[str, tuple[int, tuple[str, ...]]]:
    validator = Validator(EVERY)
    validator.add(pa.RecordBatch.from_pylist(rows, arrow_schema(EVERY)))
    try:
        report = validator.finish()
    except ContractViolation as violation:
        report = ValidationReport.model_validate_json(violation.report)
    return {check.rule: (check.broken, check.rows) for check in report.checks if check.broken}


def test_this_contract_has_every_kind_of_rule() -> None:
    (union, _) = typing.get_args(Rule)
    kinds = {typing.get_args(r.model_fields["kind"].annotation)[0] for r in typing.get_args(union)}
    assert {rule.kind for rule in EVERY.rules} == kinds
    words = {"required": "not null", "length": "length", "range": "between", "allowed": "one of",
             "regex": "matches", "not_blank": "not blank"}  # fmt: skip
    assert set(words) == set(typing.get_args(FieldRuleKind))
    labels = [check.rule for check in checks(EVERY)]
    assert all(any(word in label for label in labels) for word in words.values())


def test_the_suite_holds_an_expectation_for_each_rule() -> None:
    expectations = suite(EVERY).expectations
    assert {e.meta["check"] for e in expectations} == set(range(len(checks(EVERY))))


def test_each_rule_finds_its_rows_and_no_other_does() -> None:
    rows = [GOOD | {"id": "good", "flag": False}]
    rows += [GOOD | change | {"id": f"bad-{n}"} for n, (change, _) in enumerate(BAD)]
    found = broken_by(rows)
    together = found.pop("whole, flag: unique together")
    for number, (change, rule) in enumerate(BAD):
        assert f"bad-{number}" in found[rule][1], (change, rule)
        broken = first_broken(EVERY, rows[number + 1])
        assert broken is not None
        assert f"bad-{number}" in found[broken.label][1]
    # Every rule but null ones and uniqueness was broken by some row.
    unbroken = {check.rule for check in checks(EVERY)} - set(found)
    assert {rule for rule in unbroken if "not null" not in rule} == {
        "id: unique", "whole, flag: unique together"
    }  # fmt: skip
    named = {row for _, ids in found.values() for row in ids}
    assert named == {f"bad-{n}" for n in range(len(BAD))}
    # All but the good one and those that changed a part of it share whole and flag.
    distinct = sum("whole" in change or "flag" in change for change, _ in BAD)
    assert together[0] == len(BAD) - distinct - 1


@pytest.mark.parametrize(("rows", "rule"), [([], "rows: at least 2"), ([GOOD], "rows: at least 2")])
def test_too_few_rows_are_a_violation(rows: list[dict[str, Any]], rule: str) -> None:
    assert rule in broken_by(rows)


def test_a_repeated_id_is_a_violation() -> None:
    assert broken_by([GOOD, GOOD | {"flag": False}])["id: unique"] == (1, ("x",))
