"""A contract: what one row of a dataset is, who owns it and which rules its rows keep.

One YAML file a dataset and version, ``<name>/v<version>.yaml``; ``prompts@1`` names one. A version
that was released stays as it is (``lock.py``); a change is a new version beside it.
"""

import functools
import re
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal, Self

import pydantic
import yaml

from data_contracts.errors import ContractError
from data_contracts.fields import Bounds, Field, Part, PiiClass

__all__ = ["Bounds", "Contract", "Field", "PiiClass", "Rule", "load", "names", "parse", "versions"]

#: What a whole dataset holds, least first: nothing about persons; pseudonyms and text that was
#: freed of recognised PII or written to be published; personal data as it came in.
DatasetPii = Literal["none", "pseudonymous", "personal"]

FOLDER: Traversable = resources.files("data_contracts")


class Retention(Part):
    """How long a published dataset may be kept, and why so long."""

    #: Days after it was published; null where it may stay.
    days: int | None = pydantic.Field(ge=1)
    reason: str

    @property
    def label(self) -> str:
        """For people."""
        return "no limit" if self.days is None else f"{self.days:,} days"


class SameLength(Part):
    """Two lists of a row have as many elements."""

    kind: Literal["same_length"]
    fields: tuple[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return self.fields

    def misfit(self, columns: dict[str, Field]) -> str:
        """Why it cannot hold of these columns, or ""."""
        return _not_all(columns, self.fields, ("list",))


class WithinLength(Part):
    """Every integer of a list lies in 1..K, K the number of elements of another list."""

    kind: Literal["within_length"]
    field: str
    of: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return (self.field, self.of)

    def misfit(self, columns: dict[str, Field]) -> str:
        """Why it cannot hold of these columns, or ""."""
        items = columns[self.field].items
        if items is None or items.type != "integer":
            return f"'{self.field}' is no list of integers"
        return _not_all(columns, (self.of,), ("list",))


class DistinctItems(Part):
    """The elements of a list differ from one another within a row, by one of their parts."""

    kind: Literal["distinct_items"]
    field: str
    part: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return (self.field,)

    def misfit(self, columns: dict[str, Field]) -> str:
        """Why it cannot hold of these columns, or ""."""
        return _no_text_part(columns[self.field], self.part)


class LastItem(Part):
    """A part of a list's last element equals a value, or is not blank."""

    kind: Literal["last_item"]
    field: str
    part: str
    equals: str | None = None
    not_blank: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return (self.field,)

    def misfit(self, columns: dict[str, Field]) -> str:
        """Why it cannot hold of these columns, or ""."""
        if (self.equals is None) != self.not_blank:
            return "it says one of 'equals' and 'not_blank'"
        return _no_text_part(columns[self.field], self.part)


class UniqueTogether(Part):
    """No two rows share the values of these columns together."""

    kind: Literal["unique_together"]
    fields: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return self.fields

    def misfit(self, columns: dict[str, Field]) -> str:
        """Why it cannot hold of these columns, or ""."""
        if len(set(self.fields)) < 2:
            return "it names one column; that is 'unique' of the column"
        return _not_all(columns, self.fields, _SCALARS)


Rule = Annotated[
    SameLength | WithinLength | DistinctItems | LastItem | UniqueTogether,
    pydantic.Field(discriminator="kind"),
]

_SCALARS = ("string", "integer", "number", "boolean")


def _not_all(columns: dict[str, Field], named: tuple[str, ...], types: tuple[str, ...]) -> str:
    wrong = [name for name in named if columns[name].type not in types]
    return f"'{wrong[0]}' is no {' or '.join(types)}" if wrong else ""


def _no_text_part(column: Field, part: str) -> str:
    parts = column.items.fields if column.items is not None else ()
    fits = any(field.name == part and field.type == "string" for field in parts)
    return "" if fits else f"the elements of '{column.name}' have no part '{part}' of type string"


class Contract(Part):
    """The contract of one dataset in one version."""

    name: str
    version: int = pydantic.Field(ge=1)
    owner: str
    description: str
    pii: DatasetPii
    retention: Retention
    #: The class in ``components.core.records`` that one row is.
    record: str
    #: The columns that name a row in messages.
    key: tuple[str, ...] = pydantic.Field(min_length=1)
    #: An empty dataset would pass every other rule.
    min_rows: int = 1
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()
    #: Rows that keep every rule, for people who write such rows.
    examples: tuple[dict[str, Any], ...] = ()

    @property
    def id(self) -> str:
        """``prompts@1``."""
        return f"{self.name}@{self.version}"

    def field(self, name: str) -> Field:
        """A column by name. Raises KeyError."""
        return next((f for f in self.fields if f.name == name), None) or _missing(name)

    @pydantic.model_validator(mode="after")
    def _refers_to_columns(self) -> Self:
        columns = {field.name: field for field in self.fields}
        if len(columns) != len(self.fields):
            raise ValueError("a column is named twice")
        named = {*self.key, *(column for rule in self.rules for column in rule.columns)}
        if unknown := named - set(columns):
            raise ValueError(f"unknown column(s) {sorted(unknown)}")
        if wrong := _not_all(columns, self.key, _SCALARS):
            raise ValueError(f"key: {wrong}")
        for rule in self.rules:
            if wrong := rule.misfit(columns):
                raise ValueError(f"rule {rule.kind}: {wrong}")
            if rule.kind != "unique_together" and any(columns[c].nullable for c in rule.columns):
                raise ValueError(f"rule {rule.kind}: does not apply to a nullable column")
        return self


def _missing(name: str) -> Field:
    raise KeyError(name)


def versions(name: str) -> list[int]:
    """The versions of a dataset's contract that exist, oldest first."""
    folder = FOLDER / name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not folder.is_dir():
        return []
    matches = (re.fullmatch(r"v(\d+)\.yaml", entry.name) for entry in folder.iterdir())
    return sorted(int(match[1]) for match in matches if match)


def names() -> list[str]:
    """The datasets that have a contract."""
    return sorted(e.name for e in FOLDER.iterdir() if e.is_dir() and versions(e.name))


@functools.cache
def load(contract: str) -> Contract:
    """Load ``prompts`` (its newest version) or ``prompts@1``. Raises ContractError."""
    name, _, version = contract.partition("@")
    known = versions(name)
    if not known:
        raise ContractError(
            f"no contract for the dataset '{name}'; there are: {', '.join(names())}"
        )
    if version and version not in {str(v) for v in known}:
        raise ContractError(
            f"the contract {name} has no version '{version}'; there are: "
            f"{', '.join(str(v) for v in known)}. A newer instructflow may have published it"
        )
    number = int(version) if version else known[-1]
    file = FOLDER / name / f"v{number}.yaml"
    found = parse(file.read_text("utf-8"), f"{name}/v{number}.yaml")
    if found.id != f"{name}@{number}":
        raise ContractError(f"{name}/v{number}.yaml: says that it is {found.id}")
    return found


def parse(text: str, origin: str) -> Contract:
    """A contract from YAML text; ``origin`` is named in errors. Raises ContractError."""
    try:
        values: Any = yaml.safe_load(text)
        return Contract.model_validate_json(_as_json(values))
    except yaml.YAMLError as error:
        raise ContractError(f"{origin}: {error}") from None
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        told = [f"{'.'.join(map(str, p['loc']))}: {p['msg']}".removeprefix(": ") for p in problems]
        raise ContractError(f"{origin}: {'; '.join(told)}") from None


def _as_json(values: Any) -> bytes:
    return pydantic.TypeAdapter(Any).dump_json(values)
