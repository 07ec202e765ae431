"""A contract: what one row of a dataset is, who owns it and which rules its rows keep.

One YAML file a dataset and version, ``<name>/v<version>.yaml``. A change that an existing reader
would not survive is a new version beside the old one. ``prompts@1`` names one.
"""

import functools
import re
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any, Literal, Self

import pydantic
import yaml

from data_contracts.errors import ContractError

#: Free text may hold anything a person typed; a pseudonym stands for a person; none is neither.
PiiClass = Literal["none", "pseudonym", "free_text"]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)


class Bounds(_Part):
    """Inclusive bounds; a side that is left out is open."""

    min: float | None = None
    max: float | None = None


class Field(_Part):
    """One column, or one part of a nested column."""

    name: str
    type: Literal["string", "integer", "number", "boolean", "list", "record"]
    description: str
    nullable: bool = False
    pii: PiiClass = "none"
    #: No two rows of the dataset share the value.
    unique: bool = False
    #: At least one character that is not white space.
    not_blank: bool = False
    #: Characters of a string, elements of a list.
    length: Bounds | None = None
    range: Bounds | None = None
    allowed: tuple[str, ...] | None = None
    #: The whole value matches.
    regex: str | None = None
    #: What a list holds.
    items: "Field | None" = None
    #: The parts of a record.
    fields: tuple["Field", ...] = ()

    @pydantic.model_validator(mode="after")
    def _fits_type(self) -> Self:
        wanted = {
            "items": self.type == "list",
            "fields": self.type == "record",
        }
        for key, needed in wanted.items():
            if bool(getattr(self, key)) != needed:
                raise ValueError(
                    f"{self.name}: '{key}' and the type {self.type} do not go together"
                )
        for key, types in _OPTIONS.items():
            if getattr(self, key) and self.type not in types:
                raise ValueError(f"{self.name}: '{key}' does not apply to {self.type}")
        if self.regex is not None:
            re.compile(self.regex)
        return self


_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "not_blank": ("string",),
    "length": ("string", "list"),
    "range": ("integer", "number"),
    "allowed": ("string",),
    "regex": ("string",),
    "unique": ("string",),
}


class SameLength(_Part):
    """Two lists of a row have as many elements."""

    kind: Literal["same_length"]
    fields: tuple[str, str]


class WithinLength(_Part):
    """Every integer of a list lies in 1..K, K the number of elements of another list."""

    kind: Literal["within_length"]
    field: str
    of: str


class DistinctItems(_Part):
    """The elements of a list differ from one another within a row, by one of their parts."""

    kind: Literal["distinct_items"]
    field: str
    part: str


class LastItem(_Part):
    """A part of a list's last element equals a value, or is not blank."""

    kind: Literal["last_item"]
    field: str
    part: str
    equals: str | None = None
    not_blank: bool = False


class UniqueTogether(_Part):
    """No two rows share the values of these columns together."""

    kind: Literal["unique_together"]
    fields: tuple[str, ...]


Rule = Annotated[
    SameLength | WithinLength | DistinctItems | LastItem | UniqueTogether,
    pydantic.Field(discriminator="kind"),
]


class Contract(_Part):
    """The contract of one dataset in one version."""

    name: str
    version: int
    owner: str
    description: str
    #: The class in ``components.core.records`` that one row is.
    record: str
    #: The columns that name a row in messages.
    key: tuple[str, ...]
    #: An empty dataset would pass every other rule.
    min_rows: int = 1
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()

    @property
    def id(self) -> str:
        """``prompts@1``."""
        return f"{self.name}@{self.version}"

    def field(self, name: str) -> Field:
        """A column by name. Raises KeyError."""
        return next((f for f in self.fields if f.name == name), None) or _missing(name)

    @pydantic.model_validator(mode="after")
    def _refers_to_columns(self) -> Self:
        known = {field.name for field in self.fields}
        if len(known) != len(self.fields):
            raise ValueError("a column is named twice")
        named = set(self.key)
        for rule in self.rules:
            if isinstance(rule, SameLength | UniqueTogether):
                named |= set(rule.fields)
            elif isinstance(rule, WithinLength):
                named |= {rule.field, rule.of}
            else:
                named.add(rule.field)
        if unknown := named - known:
            raise ValueError(f"unknown column(s) {sorted(unknown)}")
        return self


def _missing(name: str) -> Field:
    raise KeyError(name)


def versions(name: str) -> list[int]:
    """The versions of a dataset's contract that exist, oldest first."""
    folder = resources.files("data_contracts") / name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not folder.is_dir():
        return []
    matches = (re.fullmatch(r"v(\d+)\.yaml", entry.name) for entry in folder.iterdir())
    return sorted(int(match[1]) for match in matches if match)


def names() -> list[str]:
    """The datasets that have a contract."""
    entries = resources.files("data_contracts").iterdir()
    return sorted(entry.name for entry in entries if entry.is_dir() and versions(entry.name))


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
    file = resources.files("data_contracts") / name / f"v{number}.yaml"
    return parse(file.read_text("utf-8"), f"{name}/v{number}.yaml")


def parse(text: str, origin: str) -> Contract:
    """A contract from YAML text; ``origin`` is named in errors. Raises ContractError."""
    try:
        values: Any = yaml.safe_load(text)
        return Contract.model_validate_json(_as_json(values))
    except (yaml.YAMLError, pydantic.ValidationError) as error:
        raise ContractError(f"{origin}: {error}") from None


def _as_json(values: Any) -> bytes:
    return pydantic.TypeAdapter(Any).dump_json(values)
