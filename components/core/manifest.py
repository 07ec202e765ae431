"""What a published thing is and how it came to be, and the reference that names it.

Something without a manifest does not exist: it is written last, and the first one stays.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, Self, get_args

import pydantic
from pydantic import Field

from components.core.config import Config, canonical_json, sha256_hex
from components.core.errors import UserError

Kind = Literal[
    "dataset", "policy", "reward_model", "report", "export", "labels", "history", "release"
]

#: The folder below the root in which things of a kind are published.
FOLDERS: dict[Kind, str] = {
    "dataset": "datasets",
    "policy": "models",
    "reward_model": "models",
    "report": "reports",
    "export": "exports",
    "labels": "labels",
    "history": "histories",
    "release": "releases",
}
assert set(FOLDERS) == set(get_args(Kind))

MANIFEST = "manifest.json"
#: Hex digits of the digest that name the prefix; the reference carries all 64.
SHORT = 16

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_REFERENCE = re.compile(r"(?P<prefix>s3://[^/#\s]+/[^#]*[^/#])#sha256=(?P<digest>[0-9a-f]{64})")


class DatasetError(UserError):
    """A published thing is missing, changed, half written or not what it should be."""


class File(Config):
    """One file of a published thing."""

    path: str = Field(description="Path below the prefix, with forward slashes.")
    size: int = Field(ge=0, description="Bytes.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the bytes, hex.")
    rows: int = Field(default=0, ge=0, description="Rows of a shard; 0 for other files.")

    @pydantic.field_validator("path")
    @classmethod
    def _stays_below(cls, path: str) -> str:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or str(pure) != path or path in (".", MANIFEST):
            raise ValueError("must be a plain relative path below the prefix")
        return path


class Provenance(Config):
    """How a published thing came to be. No part of its identity."""

    parents: tuple[str, ...] = Field(default=(), description="References it was made from.")
    code_version: str = Field(default="", description="Version of the code that made it.")
    config_digest: str = Field(default="", description="sha256 of the stage's config.")
    run: str = Field(default="", description="Pipeline run that made it first.")
    stage: str = Field(default="", description="Stage that made it.")
    work: str = Field(default="", description="Digest of (config, inputs, code) of that work.")
    created: str = Field(default="", description="When, ISO 8601 in UTC.")


class Manifest(Config):
    """The manifest of a published thing."""

    kind: Kind = Field(description="What sort of thing it is.")
    name: str = Field(description="Its name; a dataset's begins with its contract's.")
    contract: str = Field(default="", description="Contract and version, prompts@1; datasets only.")
    files: tuple[File, ...] = Field(description="Its files, sorted by path.")
    rows: int = Field(default=0, ge=0, description="Rows of a dataset.")
    provenance: Provenance = Field(description="How it came to be.")

    @pydantic.field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("must be lower-case letters, digits, '_', '-' and '.'")
        return name

    @pydantic.model_validator(mode="after")
    def _rows_add_up(self) -> Self:
        if self.rows != sum(file.rows for file in self.files):
            raise ValueError("rows must be the sum of the files' rows")
        return self

    def identity_digest(self) -> str:
        """sha256 (hex) over what it is; provenance is left out."""
        return sha256_hex(canonical_json(self.model_dump(mode="json", exclude={"provenance"})))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def reference(self, root: str) -> str:
        """``<root>/<folder>/<name>/<digest[:16]>#sha256=<digest>``."""
        digest = self.identity_digest()
        prefix = f"{root.rstrip('/')}/{FOLDERS[self.kind]}/{self.name}/{digest[:SHORT]}"
        return f"{prefix}#sha256={digest}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference."""

    #: ``s3://bucket/prefix``, without a slash at the end.
    prefix: str
    digest: str


def parse_reference(reference: str) -> Reference:
    """Take a reference apart. Raises DatasetError that says what the form is."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise DatasetError(
            f"'{reference[:300]}' is no reference; "
            "expected s3://bucket/prefix#sha256=<64 hex digits>"
        )
    return Reference(match["prefix"], match["digest"])


def pointer(root: str, kind: Kind, name: str) -> str:
    """Where the reference that was published last under a kind and name is kept."""
    return f"{root.rstrip('/')}/latest/{kind}/{name}"
