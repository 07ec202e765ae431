"""The base of every config: strict, frozen, and with one canonical JSON form.

A config crosses process borders as one JSON string (KFP turns the integers of a ``dict`` parameter
into floats), so that form has to be canonical: the same config is the same string, and the digest
of that string is a cache key and part of what a manifest says about how a thing came to be.

A field that may name people is marked ``PERSONAL``: what is logged or recorded of a config
(``Config.shown``, ``flatten``) has counts in its place. Digests are made of the true value.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

import pydantic
from pydantic import SerializationInfo, SerializerFunctionWrapHandler, WrapSerializer

from components.core.errors import UserError

Scalar = str | int | float | bool | None


class ConfigError(UserError):
    """An unknown key or a bad value; names the dotted path, the value and the expected form."""


def _counted(value: object) -> str:
    """``3 values under 2 keys (not shown: personal)``."""

    def values(inner: object) -> int:
        if isinstance(inner, Mapping):
            inner = tuple(inner.values())
        return sum(map(values, inner)) if isinstance(inner, tuple | list) else 1

    keys = f" under {len(value)} keys" if isinstance(value, Mapping) else ""
    return f"{values(value)} values{keys} (not shown: personal)"


def _shown(value: Any, plain: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
    return _counted(value) if value and info.context == _FOR_RECORDS else plain(value)


_FOR_RECORDS = {"for": "records"}
#: Marks a field that may name people, as in ``labelers: Annotated[tuple[str, ...], PERSONAL]``.
PERSONAL = WrapSerializer(_shown)


class Config(pydantic.BaseModel):
    """Base of all configs. Unknown keys, wrong types and later changes are errors."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False
    )

    def canonical_json(self) -> str:
        """This config as JSON: keys sorted, no spaces, every default spelled out."""
        return canonical_json(self.model_dump(mode="json"))

    def digest(self) -> str:
        """sha256 (hex) of the canonical JSON."""
        return sha256_hex(self.canonical_json())

    def shown(self) -> dict[str, Any]:
        """Plain values for logs and records: counts in place of what is personal."""
        return self.model_dump(mode="json", context=_FOR_RECORDS)

    @classmethod
    def personal(cls) -> list[str]:
        """Dotted paths of the fields that are marked ``PERSONAL``, those of sections among them."""
        paths = []
        for name, field in cls.model_fields.items():
            section = field.annotation
            if PERSONAL in field.metadata:
                paths.append(name)
            elif isinstance(section, type) and issubclass(section, Config):
                paths += [f"{name}.{path}" for path in section.personal()]
        return paths

    @classmethod
    def from_json(cls, text: str, at: str = "") -> Self:
        """Read a config from JSON. ``at`` is the dotted path that errors are reported under."""
        try:
            return cls.model_validate_json(text)
        except pydantic.ValidationError as error:
            raise ConfigError(describe(error, at, cls.personal())) from None

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], at: str = "") -> Self:
        """Read a config from plain values (parsed YAML), under JSON's typing rules."""
        try:
            # YAML has dates, JSON has not: as text they meet the field's own error.
            text = json.dumps(values, default=str)
        except TypeError as error:
            raise ConfigError(f"{at or 'config'}: {error}") from None
        return cls.from_json(text, at)


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces; NaN and infinities are refused."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def sha256_hex(text: str) -> str:
    """sha256 of UTF-8 text, as 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def flatten(config: Config, prefix: str = "") -> dict[str, Scalar]:
    """The config as dotted keys, ``{"ppo.kl_coefficient": 0.02}``, for MLflow params.

    Lists stay one value, in their JSON form; what is personal is counted.
    """

    def walk(value: object, path: str) -> dict[str, Scalar]:
        if isinstance(value, dict):
            flat: dict[str, Scalar] = {}
            for key, inner in value.items():
                flat |= walk(inner, f"{path}.{key}" if path else str(key))
            return flat
        if isinstance(value, list):
            return {path: canonical_json(value)}
        assert value is None or isinstance(value, str | int | float | bool)
        return {path: value}

    return walk(config.shown(), prefix)


def describe(error: pydantic.ValidationError, at: str = "", personal: Sequence[str] = ()) -> str:
    """One line a problem: dotted path, value, expected form.

    Of a field among ``personal`` the path ends with its name, and the value's type stands for it.
    """
    lines = []
    for problem in error.errors(include_url=False):
        inner = ".".join(str(part) for part in problem["loc"])
        field = next((path for path in personal if within(inner, path)), None)
        path = ".".join(part for part in (at, field or inner) if part)
        value = problem["input"]
        plain = not field and not isinstance(value, dict | list)
        shown = repr(value) if plain else type(value).__name__
        if problem["type"] == "extra_forbidden":
            lines.append(f"{path}: unknown key (value {shown})")
        elif problem["type"] == "missing":
            lines.append(f"{path}: missing")
        else:
            lines.append(f"{path}: got {shown}; {problem['msg']}")
    return "\n".join(lines)


def within(path: str, field: str) -> bool:
    """Whether a dotted path is that of a field, or leads into it."""
    return f"{path}.".startswith(f"{field}.")
