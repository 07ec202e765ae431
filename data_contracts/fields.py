"""What a contract says of one field: its type, its meaning, whom it may name, what its values keep.

A field is a column of a dataset, an element of a list or a part of a record.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import pydantic

#: What a value may say about a person, least first. A pseudonym stands for a person and is no name
#: or address. Free text may hold anything that a person typed. An identifier is what the outside
#: world calls a person.
PiiClass = Literal["none", "pseudonym", "free_text", "identifier"]
PII_ORDER: tuple[PiiClass, ...] = ("none", "pseudonym", "free_text", "identifier")


class Part(pydantic.BaseModel):
    """Base of what a contract is made of. Unknown keys and wrong types are errors."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)


class Bounds(Part):
    """Inclusive bounds; a side that is left out is open."""

    min: float | None = None
    max: float | None = None

    @pydantic.model_validator(mode="after")
    def _some_value_fits(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("bounds need a min or a max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no value is between {self.min} and {self.max}")
        return self


class Field(Part):
    """One column, or one part of a nested column."""

    name: str
    type: Literal["string", "integer", "number", "boolean", "list", "record"]
    description: str
    nullable: bool = False
    pii: PiiClass = "none"
    #: What a row of an older version, or of a writer that does not know the field, says here.
    default: str | int | float | bool | tuple[()] | None = None
    #: No two rows of the dataset share the value. For columns only.
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

    @property
    def inner(self) -> tuple["Field", ...]:
        """The fields directly below: a record's parts, a list's element."""
        return self.fields if self.items is None else (self.items,)

    @property
    def has_default(self) -> bool:
        """Whether a row may leave the field out."""
        return self.nullable or "default" in self.model_fields_set

    @pydantic.model_validator(mode="after")
    def _fits_type(self) -> Self:
        for key, needed in (("items", self.type == "list"), ("fields", self.type == "record")):
            if bool(getattr(self, key)) != needed:
                raise ValueError(
                    f"{self.name}: '{key}' and the type {self.type} do not go together"
                )
        for key, types in _OPTIONS.items():
            if getattr(self, key) and self.type not in types:
                raise ValueError(f"{self.name}: '{key}' does not apply to {self.type}")
        for below in self.inner:
            if below.unique:
                raise ValueError(f"{self.name}.{below.name}: 'unique' applies to columns only")
            if "default" in below.model_fields_set:
                raise ValueError(f"{self.name}.{below.name}: 'default' applies to columns only")
        if len({part.name for part in self.fields}) != len(self.fields):
            raise ValueError(f"{self.name}: a part is named twice")
        if self.allowed is not None and len(set(self.allowed)) != len(self.allowed):
            raise ValueError(f"{self.name}: an allowed value is named twice")
        if self.regex is not None:
            try:
                re.compile(self.regex)
            except re.error as error:
                raise ValueError(f"{self.name}: regex: {error}") from None
        return self


_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "not_blank": ("string",),
    "length": ("string", "list"),
    "range": ("integer", "number"),
    "allowed": ("string",),
    "regex": ("string",),
    "unique": ("string",),
}


def pii_fields(fields: Sequence[Field], above: str = "") -> list[tuple[str, PiiClass]]:
    """The fields that may say something about a person, at any depth: path and class."""
    found: list[tuple[str, PiiClass]] = []
    for field in fields:
        path = f"{above}{field.name}"
        if field.pii != "none":
            found.append((path, field.pii))
        if field.items is not None:
            # An element has no name of its own: messages[].content.
            element = field.items
            if element.pii != "none":
                found.append((f"{path}[]", element.pii))
            found += pii_fields(element.fields, f"{path}[].")
        found += pii_fields(field.fields, f"{path}.")
    return found
