"""``--map field=column`` and ``--map field:=constant``: from columns to a dataset's fields.

A column may be a dotted path into nested values (``meta.author.id``, ``turns.0``). Values are then
brought into the contract's types where that loses nothing: "17" is an integer where one is
expected, a lone string is a conversation of one user's turn.
"""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.core.errors import UserError
from data_contracts.contract import Contract, Field

#: What other formats call the three roles.
_ROLES = {
    "human": "user",
    "prompter": "user",
    "user": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "assistant": "assistant",
    "system": "system",
}

_MISSING = object()
#: What is called so is a column; without a header line, the first row's values stand in its place.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


@dataclass
class FieldMapping:
    """Parsed ``--map`` options, and which of their columns were ever found."""

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, contract: Contract, options: Sequence[str]) -> "FieldMapping":
        """Raises UserError for an option of another form, or a field the dataset does not have."""
        mapping = cls()
        fields = [f.name for f in contract.fields]
        for option in options:
            name, equals, column = option.partition("=")
            constant = name.endswith(":")
            name = name.removesuffix(":").strip()
            if not equals or not column.strip():
                raise UserError(f"--map {option}: expected field=column or field:=constant")
            if name not in fields:
                raise UserError(
                    f"--map {option}: {contract.name} has no field '{name}'; "
                    f"it has: {', '.join(fields)}"
                )
            if name in mapping.columns or name in mapping.constants:
                raise UserError(f"--map {option}: the field '{name}' is mapped twice")
            (mapping.constants if constant else mapping.columns)[name] = column.strip()
        return mapping

    def apply(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """The mapped fields of one row; a column that the row lacks gives no field."""
        row: dict[str, Any] = dict(self.constants)
        for name, column in self.columns.items():
            value = lookup(source, column)
            if value is not _MISSING:
                self.found.add(column)
                row[name] = value
        return row

    def check_found(self, seen: set[str]) -> None:
        """Raises UserError for a column that no row had; ``seen`` are the columns there were."""
        for name, column in self.columns.items():
            if column not in self.found:
                raise UserError(
                    f"--map {name}={column}: no row has a column '{column}'; "
                    f"there are: {_told(seen)}"
                )

    def settings(self) -> list[str]:
        """The options for a record of what was asked; of a constant, that there is one.

        A constant may be a person's id, and the record's digest would confirm guesses at it.
        """
        columns = [f"{name}={column}" for name, column in self.columns.items()]
        return [*columns, *(f"{name}:=" for name in self.constants)]


def _told(columns: set[str]) -> str:
    """Names of columns; none at all where one looks like a value."""
    if all(_NAME.fullmatch(column) for column in columns):
        return ", ".join(sorted(columns)[:40])
    return (
        f"{len(columns)} (not shown: they do not all look like names of columns; has the file a "
        "header row?)"
    )


def lookup(source: Mapping[str, Any], column: str) -> Any:
    """A column's value, by name or else by dotted path; a marker where there is none."""
    if column in source:
        return source[column]
    value: Any = source
    for part in column.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _MISSING
    return value


def coerce(column: Field, value: Any) -> Any:
    """A value in the type of its field; unchanged where that would lose something.

    What stays wrong is for the contract to say.
    """
    if value is None:
        return None
    match column.type:
        case "string":
            return _string(column, value)
        case "integer":
            return _integer(column, value)
        case "number":
            return _number(value)
        case "list":
            return _list(column, value)
        case "record":
            if isinstance(value, str):
                value = _as_record(column, value)
            if not isinstance(value, dict):
                return value
            return {part.name: coerce(part, value.get(part.name)) for part in column.fields}
        case _:
            return value


def _string(column: Field, value: Any) -> Any:
    if isinstance(value, str):
        return _ROLES.get(value.lower(), value) if column.name == "role" else value
    # Numbers serve as ids; a text that is a number was meant as one.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _integer(column: Field, value: Any) -> Any:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return _unix_seconds(value) if column.name == "time" else value
    if isinstance(value, datetime.datetime):
        return _seconds(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unix_seconds(text: str) -> Any:
    try:
        return _seconds(datetime.datetime.fromisoformat(text))
    except ValueError:
        return text


def _seconds(moment: datetime.datetime) -> int:
    """A time without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    return int(aware.timestamp())


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _list(column: Field, value: Any) -> Any:
    assert column.items is not None
    if isinstance(value, str):
        if column.name == "messages" and not value.lstrip().startswith('[{"'):
            value = [value]
        else:
            try:
                value = json.loads(value) if value.strip() else []
            except (ValueError, RecursionError):
                return value
    if not isinstance(value, list):
        return value
    if column.name == "outputs":
        value = [
            {"id": f"o{n}", "text": item, "system": "unknown"} if isinstance(item, str) else item
            for n, item in enumerate(value)
        ]
    return [coerce(column.items, item) for item in value]


def _as_record(column: Field, text: str) -> Any:
    """A lone string is a user's turn."""
    return {"role": "user", "content": text} if column.name == "message" else text
