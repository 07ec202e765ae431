import pyarrow as pa
import pytest
from contract_examples import GOOD, record_of

from components.core import records
from data_contracts.contract import Contract, Field, load, names, parse, versions
from data_contracts.errors import ContractError
from data_contracts.schema import arrow_schema

CONTRACTS = [load(name) for name in names()]

SMALL = """
name: small
version: 1
owner: data
description: For tests.
pii: none
retention: {days: null, reason: For tests.}
record: Score
key: [id]
fields:
  - {name: id, type: string, description: Its id.}
"""


def test_every_dataset_of_the_design_has_a_contract() -> None:
    assert set(names()) >= {
        *("raw_prompts", "prompts", "rejects", "demonstrations", "pretraining"),
        *("tasks", "key", "rankings", "ratings", "samples", "scores"),
    }


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
def test_contract_says_what_its_file_is_called(contract: Contract) -> None:
    assert load(contract.id) == contract
    assert contract.version in versions(contract.name)


def test_flags_are_the_papers() -> None:
    flags = load("ratings").field("flags")
    assert flags.items is not None
    assert flags.items.allowed == records.FLAGS


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
def test_good_rows_go_through_arrow_unchanged(contract: Contract) -> None:
    record = record_of(contract)
    table = pa.Table.from_pylist([GOOD[contract.name].to_row()], arrow_schema(contract))
    assert [record.from_row(row) for row in table.to_pylist()] == [GOOD[contract.name]]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
def test_text_that_people_wrote_is_classed_as_free_text(contract: Contract) -> None:
    def walk(fields: tuple[Field, ...]) -> None:
        for field in fields:
            if field.name in ("content", "text", "completion"):
                assert field.pii == "free_text"
            if field.name in ("user_id", "labeler"):
                raw = contract.name == "raw_prompts"
                assert field.pii == ("identifier" if raw else "pseudonym")
            walk(field.fields)
            if field.items is not None:
                walk((field.items,))

    walk(contract.fields)


@pytest.mark.parametrize("wanted", ["prompts@2", "prompts@01", "prompts@x", "nothing", "../core"])
def test_unknown_contract_or_version_is_refused(wanted: str) -> None:
    with pytest.raises(ContractError, match=r"there are|those with"):
        load(wanted)


def test_unknown_version_says_which_there_are() -> None:
    with pytest.raises(ContractError, match=r"prompts has no version '7'; there are: 1"):
        load("prompts@7")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (SMALL.replace("type: string", "type: text"), "type"),
        (SMALL.replace("key: [id]", "key: [other]"), "unknown column"),
        (SMALL.replace("owner: data\n", ""), "owner"),
        (SMALL.replace("description: Its id.", "description: Its id., surprise: 1"), "surprise"),
        (SMALL.replace("Its id.", "Its id., range: {min: 1}"), "'range' does not apply to string"),
        (SMALL.replace("type: string", "type: list"), "'items'"),
        (SMALL + "  - {name: id, type: string, description: Again.}\n", "twice"),
        (SMALL + "rules:\n  - {kind: same_length, fields: [id, nope]}\n", "nope"),
        (SMALL + "rules:\n  - {kind: magic}\n", "magic"),
        (SMALL + "rules:\n  - {kind: same_length, fields: [id, id]}\n", "'id' is no list"),
        (SMALL + "rules:\n  - {kind: within_length, field: id, of: id}\n", "list of integers"),
        (SMALL + "rules:\n  - {kind: distinct_items, field: id, part: x}\n", "no part 'x'"),
        (SMALL + "rules:\n  - {kind: last_item, field: id, part: x}\n", "'not_blank'"),
        (SMALL + "rules:\n  - {kind: unique_together, fields: [id]}\n", "names one column"),
        (SMALL.replace("Its id.", "Its id., regex: '('"), "regex"),
        (SMALL.replace("Its id.", "Its id., allowed: [a, a]"), "twice"),
        (SMALL.replace("Its id.", "Its id., length: {min: 2, max: 1}"), "no value is between"),
        (SMALL.replace("Its id.", "Its id., length: {}"), "a min or a max"),
        (SMALL.replace("pii: none\n", ""), "pii"),
        (SMALL.replace("pii: none\n", "pii: secret\n"), "pii"),
        (SMALL.replace("retention", "retained"), "retention"),
        (SMALL.replace("days: null", "days: 0"), "days"),
        (SMALL.replace("key: [id]", "key: []"), "key"),
        (
            SMALL + "  - name: l\n    type: list\n    description: L.\n"
            "    items: {name: i, type: string, description: I., unique: true}\n",
            "'unique' applies to columns only",
        ),
        ("name: [", "small.yaml"),
    ],
)
def test_contract_that_contradicts_itself_is_refused(broken: str, says: str) -> None:
    assert parse(SMALL, "small.yaml").id == "small@1"
    with pytest.raises(ContractError, match=r"small\.yaml") as caught:
        parse(broken, "small.yaml")
    assert says in str(caught.value)
