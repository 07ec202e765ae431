"""One good row a contract, and ways to break it."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from components.core import records
from components.core.records import Record
from data_contracts.contract import Contract, load, names


def record_of(contract: Contract) -> type[Record]:
    """The record that one row of a contract is."""
    found: type[Record] = getattr(records, contract.record)
    return found


#: The first example of each contract's newest version.
GOOD: dict[str, Record] = {
    name: record_of(load(name)).from_row(load(name).examples[0]) for name in names()
}


def good_rows(name: str, count: int) -> list[dict[str, Any]]:
    """Good rows that differ in their key."""
    contract = load(name)
    rows = []
    for number in range(count):
        row = copy.deepcopy(GOOD[name].to_row())
        for column in contract.key:
            row[column] = number if isinstance(row[column], int) else f"{name}-{number}"
        if name == "ratings":
            row["task_id"] = f"t{number}"
        rows.append(row)
    return rows


#: Values of each type that some rule may forbid.
_STRINGS = ["", " \n", "x", "user", "assistant", "EN-", "train", "a" * 301, "a" * 200_001]
_NUMBERS = [-1, 0, 1, 3, 4, 7, 8, 10**13]
_FLOATS = [-0.1, 0.5, 1.5, float("inf"), float("nan")]


def mutations(contract: Contract) -> Iterator[dict[str, Any]]:
    """Rows that differ from a good one in one place (key columns and types stay)."""
    base = GOOD[contract.name].to_row()
    paths = [path for path in _paths(base, ()) if path and path[0] not in contract.key]
    for path in paths:
        old = _get(base, path)
        for value in _replacements(old):
            row = copy.deepcopy(base)
            _set(row, path, value)
            yield row


def _replacements(old: Any) -> list[Any]:
    if isinstance(old, str):
        return [None, *_STRINGS]
    if isinstance(old, bool) or old is None:
        return [None, *_FLOATS]
    if isinstance(old, float):
        return [None, *_FLOATS]
    if isinstance(old, int):
        return [None, *_NUMBERS]
    if isinstance(old, list | tuple):
        items = list(old)
        return [None, [], items[:-1], items + items[-1:], items[::-1], items * 40]
    return [None]


def _paths(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*at, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*at, index))


def _get(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def _set(row: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    target: Any = row
    for part, _ in itertools.pairwise(path):
        if isinstance(target[part], tuple):
            target[part] = list(target[part])
        target = target[part]
    target[path[-1]] = value
