"""The record of finished work, found by what went in: figures, seconds and outputs of a stage.

Written when a stage ends, under the digest of (config, inputs, code), which manifests name as
``provenance.work``. So the figures of a step that came from the cache are found, too: from a
published thing, the lineage leads to all the work behind it (docs/adr/0005). What a run did whose
outputs nothing else was made of is found under the run's id.
"""

import contextlib
import itertools
from collections.abc import Iterable, Sequence

from pydantic import Field

from components.core.config import Config, Scalar
from components.core.references import Lineage, lineages, open_manifest
from components.core.storage import MissingKey, Storage

#: Points of a curve that are kept.
POINTS = 50


class WorkRecord(Config):
    """What a stage did."""

    work: str = Field(description="Digest of (config, inputs, code).")
    stage: str = Field(description="The stage's name.")
    label: str = Field(description="The stage's name with what tells it apart in its run.")
    run: str = Field(description="The pipeline run that did the work.")
    seconds: float = Field(description="Wall seconds of the attempt that finished.")
    params: dict[str, Scalar] = Field(
        default_factory=dict, description="The stage's settings, as dotted keys."
    )
    figures: dict[str, float] = Field(description="Headline figures.")
    curves: dict[str, list[float]] = Field(
        default_factory=dict, description="Figures as they went over the work, in equal steps."
    )
    inputs: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="References by input name, of what was given."
    )
    outputs: dict[str, str] = Field(description="References by output name.")


def place(root: str, work: str) -> str:
    """Where the record of a piece of work lies."""
    return f"{root.rstrip('/')}/work/{work}.json"


def place_of_run(root: str, run: str) -> str:
    """Below what a run's finished work is listed."""
    return f"{root.rstrip('/')}/runs/{run}/"


def save(storage: Storage, root: str, record: WorkRecord) -> None:
    """Write a record; the same work done again overwrites it."""
    storage.put_bytes(place(root, record.work), record.canonical_json().encode())
    storage.put_bytes(place_of_run(root, record.run) + record.label, record.work.encode())


def thinned(values: Sequence[float], most: int = POINTS) -> list[float]:
    """A curve of at most ``most`` points: means over neighbours, in groups of equal size (by one).

    Means, and not every n-th value: single updates are noise.
    """
    count = min(most, len(values))
    ends = [place * len(values) // count for place in range(count + 1)] if count else [0]
    parts = [values[start:end] for start, end in itertools.pairwise(ends)]
    return [sum(part) / len(part) for part in parts]


def of_run(storage: Storage, root: str, run: str) -> list[WorkRecord]:
    """The records of all the work that a run did itself, by label."""
    listed = sorted(found.uri for found in storage.list(place_of_run(root, run)))
    return [_read(storage, root, storage.get_bytes(uri).decode()) for uri in listed]


def behind(storage: Storage, root: str, *references: str) -> list[WorkRecord]:
    """The records of all the work in the lineage of references, nearest first, each once."""
    found: dict[str, WorkRecord] = {}
    step = Lineage("", None, "", lineages(storage, references))
    for node in step.walk():
        work = node.manifest.provenance.work if node.manifest else ""
        if work and work not in found:
            try:
                found[work] = _read(storage, root, work)
            except MissingKey:
                continue
    return list(found.values())


def of_reference(storage: Storage, root: str, reference: str) -> WorkRecord:
    """The record of the work that published a reference. Raises DatasetError, MissingKey."""
    return _read(storage, root, open_manifest(storage, reference).provenance.work)


def read_all(storage: Storage, root: str, works: Iterable[str]) -> list[WorkRecord]:
    """The records of some works, without those that are gone."""
    found = []
    for work in works:
        with contextlib.suppress(MissingKey):
            found.append(_read(storage, root, work))
    return found


def _read(storage: Storage, root: str, work: str) -> WorkRecord:
    return WorkRecord.from_json(storage.get_bytes(place(root, work)).decode(), at="work")
