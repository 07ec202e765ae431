import dataclasses
import types
import typing
from typing import Any

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


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
def test_contract_and_record_agree_field_by_field(contract: Contract) -> None:
    _agree(contract.fields, record_of(contract))


def _agree(fields: tuple[Field, ...], record: Any) -> None:
    hints = typing.get_type_hints(record)
    assert [f.name for f in fields] == [f.name for f in dataclasses.fields(record)]
    for field in fields:
        _agree_on(field, hints[field.name])


def _agree_on(field: Field, hint: Any) -> None:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        assert field.nullable, field.name
        (hint,) = (a for a in arguments if a is not type(None))
        arguments = typing.get_args(hint)
    else:
        assert not field.nullable, field.name
    if typing.get_origin(hint) is typing.Literal:
        assert field.type == "string"
        assert field.allowed is not None
        assert set(field.allowed) == set(arguments), field.name
    elif typing.get_origin(hint) is tuple:
        assert field.type == "list"
        assert field.items is not None
        _agree_on(field.items, arguments[0])
    elif dataclasses.is_dataclass(hint):
        assert field.type == "record"
        _agree(field.fields, hint)
    else:
        python = {str: "string", int: "integer", float: "number", bool: "boolean"}
        assert field.type == python[hint], field.name
        assert field.allowed is None or field.name == "flag"


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
        ("name: [", "small.yaml"),
    ],
)
def test_contract_that_contradicts_itself_is_refused(broken: str, says: str) -> None:
    assert parse(SMALL, "small.yaml").id == "small@1"
    with pytest.raises(ContractError, match=r"small\.yaml") as caught:
        parse(broken, "small.yaml")
    assert says in str(caught.value)
