"""From a reference, or what a person writes in its stead, to a checked manifest and lineage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.core.config import ConfigError
from components.core.manifest import (
    FOLDERS,
    MANIFEST,
    DatasetError,
    Kind,
    Manifest,
    parse_reference,
    pointer,
)
from components.core.storage import MissingKey, Storage


def open_manifest(storage: Storage, reference: str) -> Manifest:
    """The manifest behind a reference, checked against the reference's digest."""
    parsed = parse_reference(reference)
    manifest = _manifest_at(storage, parsed.prefix)
    if manifest.identity_digest() != parsed.digest:
        raise DatasetError(f"{reference}: its manifest was changed after it was published")
    return manifest


def _manifest_at(storage: Storage, prefix: str) -> Manifest:
    try:
        text = storage.get_bytes(f"{prefix}/{MANIFEST}")
    except MissingKey:
        raise DatasetError(
            f"{prefix}: nothing is published here (no {MANIFEST}); it was deleted, or its "
            "publication never ended"
        ) from None
    try:
        return Manifest.from_json(text.decode(), at=MANIFEST)
    except (ConfigError, UnicodeDecodeError) as error:
        raise DatasetError(f"{prefix}: not a manifest of this version: {error}") from None


def resolve_latest(storage: Storage, root: str, kind: Kind, name: str) -> str:
    """The reference that was published last under a kind and name."""
    try:
        reference = storage.get_bytes(pointer(root, kind, name)).decode()
    except MissingKey:
        raise DatasetError(f"no {kind} '{name}' has been published below {root}") from None
    open_manifest(storage, reference)
    return reference


def resolve(storage: Storage, root: str, name_or_reference: str) -> str:
    """A checked reference from what a person may write.

    That is a reference; a prefix ``s3://bucket/.../<digest>``; a dataset's name (its latest), or
    ``kind/name`` (``policy/sft``); ``@latest`` may follow a name.
    """
    if name_or_reference.startswith("s3://"):
        reference = name_or_reference
        if "#" not in reference:
            prefix = reference.removesuffix(f"/{MANIFEST}").rstrip("/")
            digest = _manifest_at(storage, prefix).identity_digest()
            reference = f"{prefix}#sha256={digest}"
        open_manifest(storage, reference)
        return reference
    kind_text, _, name = name_or_reference.removesuffix("@latest").rpartition("/")
    kind = next((known for known in FOLDERS if known == (kind_text or "dataset")), None)
    if kind is None:
        raise DatasetError(
            f"'{name_or_reference}': kind '{kind_text}' is none of {', '.join(FOLDERS)}"
        )
    return resolve_latest(storage, root, kind, name)


def resolve_all(storage: Storage, root: str, asked: Iterable[str]) -> list[str]:
    """What ``resolve`` makes of each; empty stays empty. All that is missing is one error."""
    found, problems = [], []
    for name_or_reference in asked:
        try:
            found.append(resolve(storage, root, name_or_reference) if name_or_reference else "")
        except DatasetError as error:
            problems.append(str(error))
    if problems:
        raise DatasetError("; ".join(problems))
    return found


@dataclass(frozen=True)
class Lineage:
    """A published thing and what it was made from."""

    reference: str
    #: None where the thing is no longer there, or was never whole; ``problem`` says which.
    manifest: Manifest | None
    problem: str
    parents: tuple["Lineage", ...]

    def walk(self) -> list["Lineage"]:
        """This and all its ancestors, each once, children before parents."""
        found: dict[str, Lineage] = {}
        waiting = [self]
        while waiting:
            node = waiting.pop(0)
            if node.reference not in found:
                found[node.reference] = node
                waiting.extend(node.parents)
        return list(found.values())


def lineage(storage: Storage, reference: str) -> Lineage:
    """Walk the parents of a reference; see ``lineages``."""
    return lineages(storage, [reference])[0]


def lineages(storage: Storage, references: Sequence[str]) -> tuple[Lineage, ...]:
    """Walk the parents of references. Each manifest is read once, however many name it.

    An ancestor that was deleted ends its branch and is told in ``problem``; a missing one of
    ``references`` itself is a DatasetError.
    """
    seen: dict[str, Lineage] = {}

    def visit(current: str) -> Lineage:
        if current not in seen:
            try:
                manifest = open_manifest(storage, current)
            except DatasetError as error:
                if current in references:
                    raise
                seen[current] = Lineage(current, None, str(error), ())
            else:
                # A digest does not cover parents, so two manifests could name one another.
                seen[current] = Lineage(current, manifest, "", ())
                parents = tuple(visit(parent) for parent in manifest.provenance.parents)
                seen[current] = Lineage(current, manifest, "", parents)
        return seen[current]

    return tuple(visit(reference) for reference in references)
