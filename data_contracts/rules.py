"""The rules a contract makes of one value, and what holding them means for a plain Python value.

``projection.py`` says the same for whole Arrow columns; a property test holds the two together.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from data_contracts.contract import (
    Bounds,
    Contract,
    DistinctItems,
    Field,
    LastItem,
    Rule,
    SameLength,
    UniqueTogether,
    WithinLength,
)

FieldRuleKind = Literal["required", "length", "range", "allowed", "regex", "not_blank"]

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "record": (dict,),
}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One rule on one value. ``path`` is ``messages[].role`` for the roles inside a list."""

    path: str
    field: Field
    kind: FieldRuleKind

    @property
    def label(self) -> str:
        """The rule with its parameters, for people and reports."""
        field = self.field
        match self.kind:
            case "required":
                detail = "not null"
            case "length":
                detail = f"length {_span(field.length)}"
            case "range":
                detail = f"between {_span(field.range)}" if field.range else "finite"
            case "allowed":
                detail = f"one of {', '.join(field.allowed or ())}"
            case "regex":
                detail = f"matches {field.regex}"
            case "not_blank":
                detail = "not blank"
        return f"{self.path}: {detail}"


@dataclass(frozen=True, slots=True)
class Broken:
    """The first rule a row breaks. ``kind`` is a rule's kind, or ``type`` or ``unknown``."""

    kind: str
    path: str
    label: str


def _span(bounds: Bounds | None) -> str:
    sides = (None, None) if bounds is None else (bounds.min, bounds.max)
    low, high = ("any" if side is None else f"{side:.15g}" for side in sides)
    return f"{low} to {high}"


def field_rules(field: Field, path: str) -> list[FieldRule]:
    """The rules on the value itself; those on its parts and items belong to these."""
    kinds: list[FieldRuleKind] = []
    if not field.nullable:
        kinds.append("required")
    if field.length:
        kinds.append("length")
    if field.allowed is not None:
        kinds.append("allowed")
    if field.type == "number" or field.range:
        kinds.append("range")
    if field.regex is not None:
        kinds.append("regex")
    if field.not_blank:
        kinds.append("not_blank")
    return [FieldRule(path, field, kind) for kind in kinds]


def cross_label(rule: Rule) -> str:
    """A rule over several columns, for people and reports."""
    if isinstance(rule, SameLength):
        return f"{rule.fields[0]}, {rule.fields[1]}: same length"
    if isinstance(rule, WithinLength):
        return f"{rule.field}[]: within 1 to the number of {rule.of}"
    if isinstance(rule, DistinctItems):
        return f"{rule.field}[].{rule.part}: distinct within a row"
    if isinstance(rule, UniqueTogether):
        return f"{', '.join(rule.fields)}: unique together"
    wanted = "not blank" if rule.not_blank else f"equals {rule.equals}"
    return f"{rule.field}[last].{rule.part}: {wanted}"


def is_blank(text: str) -> bool:
    """No character but white space."""
    return not text or text.isspace()


def within(number: float, bounds: Bounds | None) -> bool:
    """Finite and within inclusive bounds."""
    if not math.isfinite(number):
        return False
    low = -math.inf if bounds is None or bounds.min is None else bounds.min
    high = math.inf if bounds is None or bounds.max is None else bounds.max
    return low <= number <= high


def holds(rule: FieldRule, value: Any) -> bool:
    """Whether a value of the right type keeps a rule. Null keeps every rule but ``required``."""
    if value is None or value != value:
        return rule.kind != "required"
    field = rule.field
    match rule.kind:
        case "required":
            return True
        case "length":
            return within(len(value), field.length)
        case "range":
            return within(value, field.range)
        case "allowed":
            return value in (field.allowed or ())
        case "regex":
            return re.fullmatch(field.regex or "", value) is not None
        case "not_blank":
            return not is_blank(value)


def first_broken(contract: Contract, row: dict[str, Any]) -> Broken | None:
    """The first rule that one row breaks by itself (uniqueness takes the other rows)."""
    if unknown := sorted(set(row) - {field.name for field in contract.fields}):
        return Broken("unknown", unknown[0], f"{unknown[0]}: no column of {contract.id}")
    for field in contract.fields:
        if broken := first_broken_by(field, row.get(field.name)):
            return broken
    for rule in contract.rules:
        if not cross_holds(rule, row):
            return Broken(rule.kind, rule.columns[0], cross_label(rule))
    return None


def first_broken_by(field: Field, value: Any) -> Broken | None:
    """The first rule of a column, or of its parts, that one value breaks."""
    return next(_broken_parts(field, field.name, value), None)


def _broken_parts(field: Field, path: str, value: Any) -> Iterator[Broken]:
    if value is not None and not _right_type(field, value):
        yield Broken("type", path, f"{path}: type {field.type}")
        return
    for rule in field_rules(field, path):
        if not holds(rule, value):
            yield Broken(rule.kind, path, rule.label)
            return
    if value is None:
        return
    if field.items is not None:
        for item in value:
            yield from _broken_parts(field.items, f"{path}[]", item)
    for part in field.fields:
        yield from _broken_parts(part, f"{path}.{part.name}", value.get(part.name))


def _right_type(field: Field, value: Any) -> bool:
    if isinstance(value, bool) and field.type != "boolean":
        return False
    if not isinstance(value, _PYTHON_TYPES[field.type]):
        return False
    if isinstance(value, int) and not isinstance(value, bool):
        return -(2**63) <= value < 2**63
    # A lone surrogate cannot be written as UTF-8.
    return not isinstance(value, str) or value.isascii() or _encodes(value)


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def cross_holds(rule: Rule, row: dict[str, Any]) -> bool:
    """Whether a row whose fields keep their own rules keeps a cross-field rule."""
    if isinstance(rule, UniqueTogether):
        return True
    if isinstance(rule, SameLength):
        first, second = (row[name] for name in rule.fields)
        return len(first) == len(second)
    items = row[rule.field]
    if isinstance(rule, WithinLength):
        return all(1 <= item <= len(row[rule.of]) for item in items)
    if isinstance(rule, DistinctItems):
        return len({item[rule.part] for item in items}) == len(items)
    return not items or last_holds(rule, items[-1][rule.part])


def last_holds(rule: LastItem, value: str) -> bool:
    """Whether the part of a last element is what it has to be."""
    return not is_blank(value) if rule.not_blank else value == rule.equals
