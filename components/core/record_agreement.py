"""Whether a contract and the record that it names say the same, field by field."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from components.core import records
from data_contracts.contract import Contract
from data_contracts.fields import Field
from data_contracts.lint import Fault

_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def disagreements(contract: Contract) -> list[Fault]:
    """Where a contract and its record differ: names and their order, types, nulls, values."""
    record = getattr(records, contract.record, None)
    if not (isinstance(record, type) and issubclass(record, records.Record)):
        return [Fault(contract.id, "", f"record: records.py has no {contract.record}")]
    found = [*_parts(contract.fields, record, "")]
    return [Fault(contract.id, path, what) for path, what in found]


def _parts(fields: Sequence[Field], record: Any, above: str) -> Iterator[tuple[str, str]]:
    hints = typing.get_type_hints(record)
    named, expected = [f.name for f in fields], [f.name for f in dataclasses.fields(record)]
    if named != expected:
        lacking = ", ".join(n for n in expected if n not in named)
        unknown = ", ".join(n for n in named if n not in expected)
        told = f"lacks {lacking}" if lacking else f"has {unknown}" if unknown else "another order"
        yield above.rstrip("."), f"differs from the record {record.__name__}: {told}"
        return
    for field in fields:
        yield from _one(field, hints[field.name], above + field.name)


def _one(field: Field, hint: Any, path: str) -> Iterator[tuple[str, str]]:
    optional = typing.get_origin(hint) in (typing.Union, types.UnionType)
    if optional:
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    if field.nullable != optional:
        may = "may" if optional else "may not"
        yield path, f"the record {may} hold None here, the contract says nullable: {field.nullable}"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if field.type != "string" or set(field.allowed or ()) != set(arguments):
            yield path, f"the record allows {', '.join(map(str, arguments))}"
    elif origin is tuple:
        if field.items is None:
            yield path, f"the record has a list, the contract a {field.type}"
        else:
            yield from _one(field.items, arguments[0], f"{path}[]")
    elif dataclasses.is_dataclass(hint):
        if field.type != "record":
            yield path, f"the record has a record, the contract a {field.type}"
        else:
            yield from _parts(field.fields, hint, f"{path}.")
    elif _TYPES.get(hint) != field.type:
        name = getattr(hint, "__name__", hint)
        yield path, f"the record has a {_TYPES.get(hint, name)}, the contract a {field.type}"
