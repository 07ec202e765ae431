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

#: What may stand for a reference: what was published last, and that or nothing.
LATEST = "latest"
LATEST_OR_NONE = "latest-or-none"


class NothingPublished(DatasetError):
    """Under a kind and name nothing has been published yet, below a root that can be read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pipeline was given for one of its inputs."""

    input: str
    #: A reference, a name, ``latest``, ``latest-or-none``, or "".
    value: str
    #: Of what ``latest`` is the newest, as ``kind/name``; what is given has to be of that kind, and
    #: of that contract or report.
    newest: str
    #: Whether the pipeline does its work without this input, too.
    optional: bool = False


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
    """The reference that was published last under a kind and name.

    Raises NothingPublished where there is no pointer to it. A missing bucket, an S3 that is away or
    refuses, and a pointer to what is gone are other errors.
    """
    try:
        reference = storage.get_bytes(pointer(root, kind, name)).decode()
    except MissingKey:
        raise NothingPublished(f"no {kind} '{name}' has been published below {root}") from None
    open_manifest(storage, reference)
    return reference


def make_latest(storage: Storage, root: str, reference: str) -> None:
    """Let ``latest`` name a published thing, as if it were published below this root just now."""
    manifest = open_manifest(storage, reference)
    storage.put_bytes(pointer(root, manifest.kind, manifest.name), reference.encode())


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


@dataclass(frozen=True, slots=True)
class Resolved:
    """References by input, in the order in which they were asked for; "" is an empty input."""

    references: tuple[str, ...]
    #: One line for each input that stays empty because there is nothing for it yet.
    empty: tuple[str, ...]


def resolve_inputs(storage: Storage, root: str, inputs: Iterable[Asked]) -> Resolved:
    """What ``resolve`` makes of each input. All that is wrong with them is one DatasetError.

    That an input is of another kind than is asked for is wrong, too.
    """
    found, empty, problems = [], [], []
    for asked in inputs:
        reference = ""
        try:
            reference = _resolve_input(storage, root, asked)
        except NothingPublished as error:
            if asked.optional and asked.value == LATEST_OR_NONE:
                empty.append(f"input {asked.input} stays empty: {error}")
            elif asked.optional and asked.value == LATEST:
                problems.append(
                    f"{error} ({LATEST_OR_NONE} in place of {LATEST} leaves the input empty until "
                    "there is one)"
                )
            else:
                problems.append(str(error))
        except DatasetError as error:
            problems.append(str(error))
        found.append(reference)
    if problems:
        raise DatasetError("; ".join(problems))
    return Resolved(tuple(found), tuple(empty))


def _resolve_input(storage: Storage, root: str, asked: Asked) -> str:
    if asked.value == LATEST_OR_NONE and not asked.optional:
        raise DatasetError(
            f"input {asked.input}: cannot be {LATEST_OR_NONE}, as the pipeline needs it; expected "
            f"a reference or {LATEST}"
        )
    newest = asked.value in (LATEST, LATEST_OR_NONE)
    wanted = asked.newest if newest else asked.value
    if not wanted:
        return ""
    reference = resolve(storage, root, wanted)
    _expect(asked, open_manifest(storage, reference))
    return reference


def _expect(asked: Asked, found: Manifest) -> None:
    """Raises DatasetError where what was given for an input is something else.

    What rows are is told by their contract, and what a report is on by its name; all else is called
    what its makers please.
    """
    kind, _, name = asked.newest.partition("/")
    told = f"{found.kind}/{found.name}"
    if kind == "dataset":
        fits, expected = found.contract.partition("@")[0] == name, f"a dataset of contract {name}"
    elif kind == "report":
        fits, expected = found.name == name, asked.newest
    else:
        fits, expected = True, f"a {kind}"
    if found.kind != kind or not fits:
        if found.contract:
            told += f" (contract {found.contract})"
        raise DatasetError(f"input {asked.input}: {asked.value} is {told}; expected {expected}")


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
