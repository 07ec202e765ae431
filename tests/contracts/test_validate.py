import json
from typing import Any

import pyarrow as pa
import pytest
from contract_examples import good_rows, mutations

from data_contracts import validate
from data_contracts.contract import Contract, load, names
from data_contracts.errors import ContractViolation
from data_contracts.projection import Projector, checks
from data_contracts.report import ValidationReport
from data_contracts.rules import first_broken
from data_contracts.schema import arrow_schema
from data_contracts.validate import Validator, suite

SECRET = "Zanzibar-4711"


def batch_of(name: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, arrow_schema(load(name)))


def report_on(name: str, *batches: list[dict[str, Any]]) -> ValidationReport:
    """The report, whether or not a rule is broken."""
    validator = Validator(load(name))
    for rows in batches:
        validator.add(batch_of(name, rows))
    try:
        return validator.finish()
    except ContractViolation as violation:
        return ValidationReport.model_validate_json(violation.report)


def broken(report: ValidationReport) -> dict[str, int]:
    return {check.rule: check.broken for check in report.checks if check.broken}


def name_of(contract: Contract, number: int, row: dict[str, Any]) -> str:
    """How a report names a row: by its key, and by its number where the data is personal."""
    if contract.pii == "personal":
        return f"number {number}"
    return "/".join(str(row[column]) for column in contract.key)


@pytest.mark.parametrize("name", names())
def test_good_rows_keep_every_rule(name: str) -> None:
    report = report_on(name, good_rows(name, 3))
    assert report.passed, broken(report)
    assert report.rows == 3
    assert len(report.checks) > len(load(name).fields)


@pytest.mark.parametrize("name", names())
def test_expectations_and_row_rules_find_the_same_rows(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two forms of one contract: whole columns with Great Expectations, one row in Python."""
    monkeypatch.setattr(validate, "IDS", 10**9)
    contract = load(name)
    rows = list(mutations(contract))
    assert len(rows) > 3
    for row, keyed in zip(rows, good_rows(name, len(rows)), strict=True):
        row.update({column: keyed[column] for column in contract.key})
        if name == "ratings":
            row["task_id"] = row["task_id"] and keyed["task_id"]
    by_row = {name_of(contract, n, r) for n, r in enumerate(rows) if first_broken(contract, r)}
    report = report_on(name, rows)
    by_column = {row for check in report.checks for row in check.rows}
    assert by_column == by_row
    assert 0 < len(by_row) < len(rows)


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("raw_prompts", {"time": -1}, "time: between 0 to 253402300799"),
        ("raw_prompts", {"user_id": None}, "user_id: not null"),
        ("raw_prompts", {"user_id": ""}, "user_id: length 1 to 300"),
        ("raw_prompts", {"messages": []}, "messages: length 1 to 1000"),
        (
            "raw_prompts",
            {"messages": [{"role": "user", "content": " \n"}]},
            "messages[last].content: not blank",
        ),
        (
            "raw_prompts",
            {"messages": [{"role": "assistant", "content": "x"}]},
            "messages[last].role: equals user",
        ),
        ("prompts", {"split": "dev"}, "split: one of train, validation, test"),
        ("rankings", {"ranks": [1, 2]}, "outputs, ranks: same length"),
        ("rankings", {"ranks": [1, 2, 4]}, "ranks[]: within 1 to the number of outputs"),
        ("ratings", {"likert": 8}, "likert: between 1 to 7"),
        ("scores", {"score": float("inf")}, "score: finite"),
        ("scores", {"score": float("nan")}, "score: not null"),
    ],
)
def test_violation_names_rule_count_and_rows(name: str, change: Any, rule: str) -> None:
    rows = good_rows(name, 4)
    rows[2] |= change
    validator = Validator(load(name))
    validator.add(batch_of(name, rows))
    with pytest.raises(ContractViolation) as caught:
        validator.finish()
    key = name_of(load(name), 2, rows[2])
    report = ValidationReport.model_validate_json(caught.value.report)
    assert broken(report)[rule] == 1
    assert caught.value.count == 1
    assert caught.value.rows == (key,)
    assert key in str(caught.value)
    assert not report.passed


def test_one_output_is_no_ranking() -> None:
    rows = good_rows("rankings", 1)
    rows[0] |= {"outputs": rows[0]["outputs"][:1], "ranks": [1]}
    assert set(broken(report_on("rankings", rows))) == {
        "outputs: length 2 to 100",
        "ranks: length 2 to 100",
    }


def test_text_never_leaks() -> None:
    """Neither a violation nor a report holds what people wrote, whichever rule breaks."""
    rows = good_rows("demonstrations", 3)
    rows[0]["messages"] = [{"role": SECRET, "content": SECRET}]
    rows[1]["completion"] = SECRET * 20_000
    rows[2]["messages"] = [{"role": "user", "content": SECRET * 20_000}]
    validator = Validator(load("demonstrations"))
    validator.add(batch_of("demonstrations", rows))
    with pytest.raises(ContractViolation) as caught:
        validator.finish()
    report = ValidationReport.model_validate_json(caught.value.report)
    assert len(broken(report)) >= 3
    assert SECRET not in str(caught.value) + caught.value.report + report.to_html()


def test_projection_holds_no_free_text() -> None:
    rows = good_rows("rankings", 2)
    rows[0]["messages"][-1]["content"] = SECRET
    rows[0]["outputs"][0]["text"] = SECRET
    frame = Projector(load("rankings")).project(batch_of("rankings", rows))
    assert SECRET not in frame.to_csv()
    assert {check.column for check in checks(load("rankings"))} <= set(frame.columns)


def test_uniqueness_holds_over_batches_and_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "WINDOW", 10)
    rows = good_rows("scores", 40)
    rows[35]["subject"] = rows[2]["subject"]
    rows[36]["subject"] = rows[37]["subject"]
    report = report_on("scores", rows[:8], rows[8:25], rows[25:])
    assert broken(report) == {"subject: unique": 2}
    (check,) = [c for c in report.checks if c.broken]
    assert check.rows == ("scores-2", "scores-37")


def test_columns_can_be_unique_together() -> None:
    rows = good_rows("key", 3)
    rows[1]["task_id"] = rows[0]["task_id"]
    assert report_on("key", rows).passed
    rows[1]["output_id"] = rows[0]["output_id"]
    assert broken(report_on("key", rows)) == {"task_id, output_id: unique together": 1}


def test_empty_dataset_is_a_violation_but_no_rejects_is_good_news() -> None:
    with pytest.raises(ContractViolation, match="rows: at least 1"):
        Validator(load("prompts")).finish()
    assert report_on("rejects").passed


def test_row_without_an_id_is_named_by_its_number() -> None:
    rows = good_rows("scores", 3)
    rows[1]["subject"] = None
    report = report_on("scores", rows[:1], rows[1:])
    assert [check.rows for check in report.checks if check.broken] == [("number 1",)]


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        # Nobody has looked yet at what ids of raw prompts hold.
        ("raw_prompts", {"id": "ada-lovelace-17", "time": -1}, "time: between .*rows number 1"),
        # The key itself breaks a rule: an address, or a thing that is too long to be an id.
        ("prompts", {"id": "ada@example.org"}, r"id: matches \[\^@\]\+' \(rows number 1"),
        ("samples", {"id": "ada is " * 50}, "id: length 1 to 300' .rows number 1"),
        # Another rule is broken, and the key holds an address.
        (
            "samples",
            {"id": "ada@example.org", "prompt_id": ""},
            "prompt_id: length .*rows number 1",
        ),
    ],
)
def test_key_that_may_name_a_person_is_not_told(name: str, change: Any, says: str) -> None:
    rows = good_rows(name, 3)
    rows[1] |= change
    validator = Validator(load(name))
    validator.add(batch_of(name, rows))
    with pytest.raises(ContractViolation, match=says) as caught:
        validator.finish()
    report = ValidationReport.model_validate_json(caught.value.report)
    assert "ada" not in str(caught.value) + caught.value.report + report.to_html()


def test_key_of_a_personal_field_is_not_told() -> None:
    """A contract may call a key what the outside world calls a person."""
    scores = load("scores")
    named = tuple(f.model_copy(update={"pii": "identifier"}) for f in scores.fields[:1])
    contract = scores.model_copy(update={"fields": (*named, *scores.fields[1:])})
    assert contract.key == (named[0].name,)
    validator = Validator(contract)
    validator.add(batch_of("scores", [{"subject": "ada", "score": float("inf")}]))
    with pytest.raises(ContractViolation, match=r"score: finite' \(rows number 0") as caught:
        validator.finish()
    assert "ada" not in str(caught.value) + caught.value.report


def test_violation_shows_few_ids_and_counts_all() -> None:
    rows = good_rows("scores", 50)
    for row in rows:
        row["score"] = float("inf")
    validator = Validator(load("scores"))
    validator.add(batch_of("scores", rows))
    with pytest.raises(ContractViolation, match=r"50 row\(s\).*scores-4 and 45 more") as caught:
        validator.finish()
    assert len(caught.value.rows) == validate.IDS


def test_suite_is_great_expectations_own_and_goes_through_json() -> None:
    expectations = suite(load("rankings"))
    again = json.loads(json.dumps(expectations.to_json_dict()))
    assert again["name"] == "rankings@1"
    assert len(again["expectations"]) == len(checks(load("rankings")))
    kinds = {expectation["type"] for expectation in again["expectations"]}
    assert "expect_column_values_to_be_in_set" in kinds


def test_report_as_page_loads_nothing_and_escapes_ids() -> None:
    rows = good_rows("scores", 1)
    rows[0] = {"subject": "<script>", "score": float("inf")}
    page = report_on("scores", rows).to_html()
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "http" not in page
    assert "1 rule(s) broken" in page
