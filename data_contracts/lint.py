"""What a contract must have besides a valid form, so that people can rely on it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_contracts.contract import Contract, DatasetPii
from data_contracts.fields import PII_ORDER, Field, PiiClass, pii_fields
from data_contracts.projection import checks
from data_contracts.rules import field_rules, first_broken, first_broken_by, holds

#: What a pseudonym must never look like.
ADDRESS = "ada.lovelace@example.org"
#: The least class of a dataset that holds a field of a class.
LEAST: dict[PiiClass, DatasetPii] = {
    "none": "none",
    "pseudonym": "pseudonymous",
    "free_text": "pseudonymous",
    "identifier": "personal",
}
_DATASET_ORDER: tuple[DatasetPii, ...] = ("none", "pseudonymous", "personal")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a contract, and where (``messages[].role``; "" for the whole)."""

    contract: str
    path: str
    what: str


def lint(contract: Contract) -> list[Fault]:
    """All faults of one contract by itself."""
    found = [*_whole(contract), *_rules(contract), *_examples(contract)]
    for path, field in walk(contract.fields):
        found += [(path, what) for what in _field(field, path)]
    return [Fault(contract.id, path, what) for path, what in found]


def walk(fields: Sequence[Field], above: str = "") -> Iterator[tuple[str, Field]]:
    """Every field at any depth with its path, as rules name it: ``messages[].role``."""
    for field in fields:
        path = above + field.name
        yield path, field
        yield from walk(field.fields, f"{path}.")
        if (element := field.items) is not None:
            yield f"{path}[]", element
            yield from walk(element.fields, f"{path}[].")


def _whole(contract: Contract) -> Iterator[tuple[str, str]]:
    for name, text in (
        ("owner", contract.owner),
        ("description", contract.description),
        ("retention.reason", contract.retention.reason),
    ):
        if not text.strip():
            yield "", f"{name} is blank"
    held = max((kind for _, kind in pii_fields(contract.fields)), key=PII_ORDER.index, default=None)
    least = LEAST[held or "none"]
    if _DATASET_ORDER.index(contract.pii) < _DATASET_ORDER.index(least):
        yield "", f"pii: {contract.pii}, though a field is {held}; expected {least}"


def _field(field: Field, path: str) -> Iterator[str]:
    if not field.description.strip():
        yield "description is blank"
    closed = field.allowed is not None or field.regex is not None
    if field.type == "string" and not closed and "pii" not in field.model_fields_set:
        yield f"a string that may hold anything; state its pii: {', '.join(PII_ORDER)}"
    if field.pii in ("pseudonym", "free_text", "identifier") and field.type != "string":
        yield f"pii: {field.pii} is for strings; state it of its parts"
    if field.pii == "pseudonym" and field.type == "string" and not _refuses_address(field, path):
        yield "a pseudonym must have a regex that refuses an address, say '[^@]+'"
    broken = first_broken_by(field, field.default) if "default" in field.model_fields_set else None
    if broken:
        yield f"its default breaks its rule '{broken.label}'"


def _refuses_address(field: Field, path: str) -> bool:
    shape = [rule for rule in field_rules(field, path) if rule.kind in ("regex", "allowed")]
    return not all(holds(rule, ADDRESS) for rule in shape)


def _rules(contract: Contract) -> Iterator[tuple[str, str]]:
    """Rules are told apart by their names: in reports, in rejects and in the suite's columns."""
    names = Counter(check.rule for check in checks(contract))
    yield from (("", f"two rules are called '{name}'") for name, n in names.items() if n > 1)


def _examples(contract: Contract) -> Iterator[tuple[str, str]]:
    if not contract.examples:
        yield "", "no example row"
    for number, row in enumerate(contract.examples):
        missing = [f.name for f in contract.fields if f.name not in row]
        if missing:
            yield "", f"example {number} lacks {', '.join(missing)}"
        elif broken := first_broken(contract, row):
            yield "", f"example {number} breaks the rule '{broken.label}'"
    keys: list[tuple[str, ...]] = [(field.name,) for field in contract.fields if field.unique]
    keys += [rule.columns for rule in contract.rules if rule.kind == "unique_together"]
    for columns in keys:
        values = [repr([row.get(column) for column in columns]) for row in contract.examples]
        if len(set(values)) < len(values):
            yield "", f"two examples share {', '.join(columns)}"
