"""From rows to the narrow frame that Great Expectations checks: one column a rule, no text.

Free text and nested columns are reduced to what the rules ask about (lengths, and how many parts of
a row break a rule), so a frame of 100,000 rows is a few megabytes whatever the prompts hold, and
nothing a person wrote can reach a result or a report.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.contract import (
    Contract,
    DistinctItems,
    Field,
    LastItem,
    Rule,
    SameLength,
    UniqueTogether,
    WithinLength,
)
from data_contracts.rules import (
    FieldRule,
    cross_label,
    field_rules,
    is_blank,
    last_holds,
)
from data_contracts.seen import Seen

Mask = npt.NDArray[np.bool_]

#: Largest finite double: infinities lie beyond it.
FINITE = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation on one column of the projection."""

    rule: str
    column: str
    #: Great Expectations' class name.
    expectation: str
    arguments: dict[str, Any] = field(default_factory=dict)


def checks(contract: Contract) -> list[Check]:
    """What the projection of a contract's rows has to keep."""
    found: list[Check] = []
    for column in contract.fields:
        found += [_own_check(rule) for rule in field_rules(column, column.name)]
        found += [_none_broken(rule.label) for rule in _inner_rules(column, column.name)]
        if column.unique:
            found.append(_none_broken(_unique_label(column.name)))
    return found + [_none_broken(cross_label(rule)) for rule in contract.rules]


def _none_broken(label: str) -> Check:
    bounds = {"min_value": 0, "max_value": 0}
    return Check(label, label, "ExpectColumnValuesToBeBetween", bounds)


def _unique_label(name: str) -> str:
    return f"{name}: unique"


def _by_length(column: Field) -> bool:
    """Whether the frame holds a column's lengths in its stead."""
    return column.type in ("list", "record") or column.pii == "free_text"


def _own_check(rule: FieldRule) -> Check:
    column, by_length = rule.field, _by_length(rule.field)
    if rule.kind == "required":
        return Check(rule.label, rule.path, "ExpectColumnValuesToNotBeNull")
    if rule.kind == "length" and column.length:
        name = "ValuesToBeBetween" if by_length else "ValueLengthsToBeBetween"
        bounds = {"min_value": column.length.min, "max_value": column.length.max}
        return Check(rule.label, rule.path, f"ExpectColumn{name}", bounds)
    if rule.kind == "range":
        low = column.range.min if column.range and column.range.min is not None else -FINITE
        high = column.range.max if column.range and column.range.max is not None else FINITE
        limits = {"min_value": low, "max_value": high}
        return Check(rule.label, rule.path, "ExpectColumnValuesToBeBetween", limits)
    if rule.kind == "allowed" and not by_length:
        allowed = {"value_set": list(column.allowed or ())}
        return Check(rule.label, rule.path, "ExpectColumnValuesToBeInSet", allowed)
    if rule.kind == "regex" and not by_length:
        whole = {"regex": rf"^(?:{column.regex})\Z"}
        return Check(rule.label, rule.path, "ExpectColumnValuesToMatchRegex", whole)
    return _none_broken(rule.label)


def _inner_rules(column: Field, path: str) -> Iterator[FieldRule]:
    inner = [(part, f"{path}.{part.name}") for part in column.fields]
    if column.items is not None:
        inner.append((column.items, f"{path}[]"))
    for part, below in inner:
        yield from field_rules(part, below)
        yield from _inner_rules(part, below)


class Projector:
    """Projects batch after batch; remembers hashes of what has to be unique."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._checks = checks(contract)
        self._seen: dict[str, Seen] = {}

    def project(self, batch: pa.RecordBatch) -> pd.DataFrame:
        """One row a row; the columns are those that ``checks`` name, and the contract's key."""
        frame: dict[str, Any] = {}
        rows = np.arange(batch.num_rows)
        for column in self._contract.fields:
            array = batch.column(column.name)
            frame[column.name] = _column(column, array)
            for rule in field_rules(column, column.name):
                if _own_check(rule).column == rule.label:
                    frame[rule.label] = breaks(rule, array).astype(np.int64)
            frame |= dict(_inner(column, column.name, array, rows, batch.num_rows))
            if column.unique:
                frame[_unique_label(column.name)] = self._repeats(batch, (column.name,))
        for cross in self._contract.rules:
            if isinstance(cross, UniqueTogether):
                frame[cross_label(cross)] = self._repeats(batch, cross.fields)
            else:
                frame[cross_label(cross)] = _cross(cross, batch)
        return pd.DataFrame(frame)

    def _repeats(self, batch: pa.RecordBatch, columns: tuple[str, ...]) -> npt.NDArray[np.int64]:
        values = pd.DataFrame({name: batch.column(name).to_pandas() for name in columns})
        hashes = pd.util.hash_pandas_object(values, index=False, categorize=False)
        seen = self._seen.setdefault(",".join(columns), Seen())
        return seen.add(np.asarray(hashes, np.uint64)).astype(np.int64)


def _column(column: Field, array: pa.Array) -> Any:
    if column.type == "list":
        return pc.list_value_length(array).to_pandas()
    if column.type == "record":
        return pc.is_valid(array).to_pandas().replace({False: None})
    if column.pii == "free_text":
        return pc.utf8_length(array).to_pandas()
    return array.to_pandas()


def breaks(rule: FieldRule, array: pa.Array) -> Mask:
    """Which values break a rule; the column form of ``not rules.holds``."""
    column = rule.field
    match rule.kind:
        case "required":
            return _mask(pc.is_null(array, nan_is_null=True))
        case "length" if column.length:
            is_list = column.type == "list"
            lengths = pc.list_value_length(array) if is_list else pc.utf8_length(array)
            return _outside(lengths, column.length.min, column.length.max)
        case "range":
            bounds = column.range
            low, high = (bounds.min, bounds.max) if bounds else (None, None)
            return _outside(array, low, high) | _mask(pc.is_inf(pc.cast(array, pa.float64())))
        case "allowed":
            known = pa.array(list(column.allowed or ()), pa.string())
            return ~_mask(pc.or_(pc.is_in(array, value_set=known), pc.is_null(array)))
        case "regex":
            pattern = re.compile(column.regex or "")
            return _each(array, lambda text: pattern.fullmatch(text) is None)
        case _:
            return _each(array, is_blank)


def _outside(numbers: pa.Array, low: float | None, high: float | None) -> Mask:
    broken = np.zeros(len(numbers), np.bool_)
    if low is not None:
        broken |= _mask(pc.less(numbers, low))
    if high is not None:
        broken |= _mask(pc.greater(numbers, high))
    return broken


def _mask(array: pa.Array) -> Mask:
    mask: Mask = np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), np.bool_)
    return mask


def _each(array: pa.Array, test: Any) -> Mask:
    return np.array([v is not None and test(v) for v in array.to_pylist()], np.bool_)


def _inner(
    column: Field, path: str, array: pa.Array, rows: npt.NDArray[np.int64], count: int
) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """A label and how many parts break it, per row. ``rows[i]`` is the row of ``array[i]``."""
    inner = [
        (part, f"{path}.{part.name}", pc.struct_field(array, part.name), rows)
        for part in column.fields
    ]
    if column.items is not None:
        parents = pc.list_parent_indices(array).to_numpy(zero_copy_only=False)
        inner.append((column.items, f"{path}[]", pc.list_flatten(array), rows[parents]))
    for part, below, values, owners in inner:
        for rule in field_rules(part, below):
            yield rule.label, np.bincount(owners[breaks(rule, values)], minlength=count)
        yield from _inner(part, below, values, owners, count)


def _cross(rule: Rule, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """How many parts of each row break a cross-field rule."""
    assert not isinstance(rule, UniqueTogether)
    if isinstance(rule, SameLength):
        first, second = (_lengths(batch.column(name)) for name in rule.fields)
        return np.asarray(first != second, np.int64)
    array = batch.column(rule.field)
    parents = pc.list_parent_indices(array).to_numpy(zero_copy_only=False)
    values = pc.list_flatten(array)
    if isinstance(rule, WithinLength):
        numbers = pc.fill_null(values, 1).to_numpy(zero_copy_only=False)
        high = _lengths(batch.column(rule.of))[parents]
        return _count(parents[(numbers < 1) | (numbers > high)], batch)
    part = pc.struct_field(values, rule.part)
    if isinstance(rule, DistinctItems):
        frame = pd.DataFrame({"row": parents, "value": part.to_pandas()})
        return _count(parents[frame.duplicated().to_numpy()], batch)
    return _count(_last(rule, array, part), batch)


def _last(rule: LastItem, array: pa.Array, part: pa.Array) -> npt.NDArray[np.int64]:
    lengths = _lengths(array)
    rows = np.flatnonzero(lengths)
    last = part.take(pa.array((np.cumsum(lengths) - 1)[rows])).to_pylist()
    broken = [value is not None and not last_holds(rule, value) for value in last]
    found: npt.NDArray[np.int64] = rows[np.array(broken, np.bool_)]
    return found


def _count(rows: npt.NDArray[np.int64], batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    return np.bincount(rows, minlength=batch.num_rows).astype(np.int64)


def _lengths(array: pa.Array) -> npt.NDArray[np.int64]:
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)
