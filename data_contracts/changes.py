"""What changed between two versions of a contract, and whom that breaks.

A *reader* was written for the old version and meets rows of the new one: it breaks where a promise
is gone. A *writer* makes rows as the old version has them, and so did whoever published such rows
long ago: it breaks where a row that the old version took is refused, or has to be guessed at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from data_contracts.contract import Contract, Rule
from data_contracts.fields import PII_ORDER, Bounds, Field
from data_contracts.rules import cross_label

Party = Literal["readers", "writers"]
READERS: tuple[Party, ...] = ("readers",)
WRITERS: tuple[Party, ...] = ("writers",)
BOTH: tuple[Party, ...] = ("readers", "writers")
NOBODY: tuple[Party, ...] = ()

_DATASET_PII = ("none", "pseudonymous", "personal")


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``path`` is ``messages[].role`` for the roles inside a list, "" for the whole."""

    path: str
    what: str
    breaks: tuple[Party, ...]


def compare(old: Contract, new: Contract) -> list[Change]:
    """All changes that say something about rows or about who may hold them, columns first.

    Wording (descriptions, the owner, examples) is no change.
    """
    changes = list(_fields(old.fields, new.fields, ""))
    dropped, added = _missing(old.rules, new.rules), _missing(new.rules, old.rules)
    changes += [Change("", f"rule dropped: {cross_label(rule)}", READERS) for rule in dropped]
    changes += [Change("", f"rule added: {cross_label(rule)}", WRITERS) for rule in added]
    if old.name != new.name:
        changes.append(Change("", f"another dataset: {old.name} -> {new.name}", BOTH))
    if old.record != new.record:
        changes.append(Change("", f"record: {old.record} -> {new.record}", BOTH))
    if old.key != new.key:
        names = " -> ".join(", ".join(contract.key) for contract in (old, new))
        changes.append(Change("", f"key: {names}", READERS))
    if old.min_rows != new.min_rows:
        fewer = READERS if new.min_rows < old.min_rows else WRITERS
        changes.append(Change("", f"least rows: {old.min_rows} -> {new.min_rows}", fewer))
    changes += _pii("", old.pii, new.pii, _DATASET_PII)
    if old.retention.days != new.retention.days:
        kept = f"retention: {old.retention.label} -> {new.retention.label}"
        changes.append(Change("", kept, NOBODY))
    return changes


def _missing(rules: Sequence[Rule], others: Sequence[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule not in others]


def _fields(old: Sequence[Field], new: Sequence[Field], above: str) -> Iterator[Change]:
    """Changes of columns, or of a record's parts, in the old version's order."""
    after = {field.name: field for field in new}
    added = [field for field in new if field.name not in {f.name for f in old}]
    for field in old:
        path = above + field.name
        if field.name in after:
            yield from _field(field, after[field.name], path)
        elif renamed := next((f for f in added if _same_but_name(field, f)), None):
            added.remove(renamed)
            yield Change(path, f"renamed to {renamed.name}", BOTH)
        else:
            yield Change(path, "removed", READERS)
    for field in added:
        if not field.has_default:
            yield Change(above + field.name, "added, required, no default", WRITERS)
        else:
            default = "null" if field.default is None else repr(field.default)
            yield Change(above + field.name, f"added, {default} where it is left out", NOBODY)


def _same_but_name(old: Field, new: Field) -> bool:
    """Whether a new field is most likely an old one under another name: same type, same rules.

    One that rows may leave out has to mean the same, too: else it is an addition like any other.
    """
    wording = {"name", "description", "default"}
    same = old.model_dump(exclude=wording) == new.model_dump(exclude=wording)
    return same and (not new.has_default or old.description == new.description)


def _field(old: Field, new: Field, path: str) -> Iterator[Change]:
    if old.type != new.type:
        yield Change(path, f"type: {old.type} -> {new.type}", BOTH)
        return
    if old.nullable != new.nullable:
        may = "may be null now" if new.nullable else "may no longer be null"
        yield Change(path, may, READERS if new.nullable else WRITERS)
    for name, before, now in (
        ("unique", old.unique, new.unique),
        ("not blank", old.not_blank, new.not_blank),
    ):
        if before != now:
            what = f"{'now' if now else 'no longer'} {name}"
            yield Change(path, what, WRITERS if now else READERS)
    yield from _allowed(old.allowed, new.allowed, path)
    yield from _bounds("length", old.length, new.length, path)
    yield from _bounds("range", old.range, new.range, path)
    if old.regex != new.regex:
        # Which of two expressions takes more cannot be told, so both may be broken.
        parties = WRITERS if old.regex is None else READERS if new.regex is None else BOTH
        yield Change(path, f"regex: {old.regex or 'any'} -> {new.regex or 'any'}", parties)
    if old.default != new.default:
        yield Change(path, f"default: {old.default!r} -> {new.default!r}", NOBODY)
    yield from _pii(path, old.pii, new.pii, PII_ORDER)
    if old.items is not None and new.items is not None:
        yield from _field(old.items, new.items, f"{path}[]")
    yield from _fields(old.fields, new.fields, f"{path}.")


def _allowed(
    old: tuple[str, ...] | None, new: tuple[str, ...] | None, path: str
) -> Iterator[Change]:
    if old is None or new is None:
        if old is not None:
            yield Change(path, f"any value, no longer one of {', '.join(old)}", READERS)
        if new is not None:
            yield Change(path, f"only one of {', '.join(new)}", WRITERS)
        return
    if gone := [value for value in old if value not in new]:
        yield Change(path, f"value(s) no longer allowed: {', '.join(gone)}", WRITERS)
    if more := [value for value in new if value not in old]:
        yield Change(path, f"value(s) that readers do not know: {', '.join(more)}", READERS)


def _bounds(kind: str, old: Bounds | None, new: Bounds | None, path: str) -> Iterator[Change]:
    for side, low in (("min", True), ("max", False)):
        before, now = getattr(old, side, None), getattr(new, side, None)
        if before == now:
            continue
        narrower = before is None or (now is not None and (now > before) == low)
        shown = " -> ".join("open" if bound is None else f"{bound:.15g}" for bound in (before, now))
        yield Change(path, f"{kind}, {side}: {shown}", WRITERS if narrower else READERS)


def _pii(path: str, old: str, new: str, order: Sequence[str]) -> Iterator[Change]:
    if old != new:
        # Whoever was cleared for pseudonyms is not cleared for names.
        worse = order.index(new) > order.index(old)
        yield Change(path, f"PII class: {old} -> {new}", READERS if worse else NOBODY)
