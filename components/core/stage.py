"""What a stage is: a name, a config, and ``run(config, inputs, outputs, context)``.

A stage reads references through ``Inputs``, publishes through ``Outputs`` and reports through
``Context``. It imports no kfp, mlflow or boto3, and does not know where it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from components.core import dataset, work
from components.core.checkpoint import Checkpoints
from components.core.config import Config
from components.core.errors import BadInput
from components.core.manifest import Kind
from components.core.records import Record

if TYPE_CHECKING:
    from components.core.progress import Progress
    from components.core.storage import Storage
    from components.core.tracking import Tracker

C = TypeVar("C", bound=Config)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Stage(Generic[C]):
    """A stage: what launch needs to run it from KFP, a shell or torchrun."""

    name: str
    config: type[C]
    run: Callable[[C, Inputs, Outputs, Context], None]

    def label(self, config: C) -> str:
        """What tells apart two steps of one stage in a run: ``ppo.ppo_ptx``, ``sft``."""
        for name in ("system", "purpose", "group"):
            value = getattr(config, name, "")
            if value not in ("", self.name):
                return f"{self.name}.{value}"
        return self.name


@dataclass(frozen=True)
class Context:
    """What a stage may use besides its inputs."""

    #: The stage's label, and the id of the pipeline run it belongs to.
    stage: str
    run: str
    storage: Storage
    #: ``s3://bucket/prefix`` below which everything is published.
    root: str
    tracker: Tracker
    progress: Progress
    #: Scratch, empty at the start, gone at the end.
    workdir: Path
    #: Digest of (config, inputs, code): training state of the same work is found under it.
    work_key: str

    def checkpoints(self, keep: int = 2) -> Checkpoints:
        """The training state of this work; whoever resumes from it goes on with its metrics, too.

        Args:
            keep: how many stay; 2 survives a newest one that cannot be read.
        """
        flush = self.tracker.flush
        return Checkpoints(self.storage, self.root, self.work_key, keep, before_save=flush)


class Inputs:
    """The published things a stage was given, by name. An input that was not given is absent."""

    def __init__(
        self,
        references: Mapping[str, str | Sequence[str]],
        storage: Storage,
        workdir: Path,
    ) -> None:
        self._references = {
            name: [value] if isinstance(value, str) else list(value)
            for name, value in references.items()
            if value
        }
        self._storage = storage
        self._workdir = workdir

    def __contains__(self, name: str) -> bool:
        return name in self._references

    def all(self, name: str) -> list[str]:
        """Every reference given under a name (an empty list where none was)."""
        return self._references.get(name, [])

    def reference(self, name: str) -> str:
        """The one reference of an input. Raises BadInput where none or several were given."""
        given = self.all(name)
        if len(given) != 1:
            others = ", ".join(self._references) or "none"
            raise BadInput(
                f"input {name}: {len(given)} references given, expected one (given are: {others})"
            )
        return given[0]

    def given(self) -> dict[str, tuple[str, ...]]:
        """The references of each input that was given."""
        return {name: tuple(group) for name, group in self._references.items()}

    def parents(self) -> tuple[str, ...]:
        """All references, for lineage, in a stable order."""
        return tuple(sorted({r for group in self._references.values() for r in group}))

    def manifest(self, reference: str) -> dataset.Manifest:
        """The verified manifest of a reference."""
        return dataset.open_manifest(self._storage, reference)

    def rows(self, name: str, record: type[R]) -> Iterator[R]:
        """The rows of a dataset input, read a batch at a time, checksums verified.

        Raises DatasetError, naming the input, where it holds other records.
        """
        reference = self.reference(name)
        try:
            dataset.expect(self._storage, reference, record)
        except dataset.DatasetError as error:
            raise dataset.DatasetError(f"input {name}: {error}") from None
        return dataset.read_records(self._storage, reference, record)

    def folder(self, reference: str) -> Path:
        """A published folder (model, report, export), downloaded and verified."""
        return dataset.download_folder(self._storage, reference, self._workdir / "inputs")


@dataclass
class Outputs:
    """Where a stage publishes; ``provenance`` is the lineage that every manifest gets."""

    storage: Storage
    root: str
    provenance: dataset.Provenance
    tracker: Tracker
    references: dict[str, str] = field(default_factory=dict)
    headline: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    page: str | None = None

    def dataset(self, output: str, contract: str, records: Iterable[Record], name: str = "") -> str:
        """Publish rows under a contract; returns and remembers the reference.

        They are published as the contract's name, or as ``name``: it has a ``latest`` of its own.
        Raises ContractViolation when the rows break the contract (nothing is published then).
        """
        reference = dataset.publish_records(
            self.storage, self.root, contract, records, self.provenance, name
        )
        self.references[output] = reference
        return reference

    def folder(self, output: str, kind: Kind, name: str, path: Path) -> str:
        """Publish a folder (``kind``: policy, reward_model, report, export, labels ...)."""
        reference = dataset.publish_folder(
            self.storage, self.root, kind, name, path, self.provenance
        )
        self.references[output] = reference
        return reference

    def headline_metrics(self, metrics: Mapping[str, float]) -> None:
        """Figures that stand on the stage's run, on its parent (as ``stage/name``) and in KFP."""
        self.headline.update(metrics)
        self.tracker.headline(metrics)

    def curve(self, name: str, values: Sequence[float]) -> None:
        """How a figure went over the work, for reports; a long one is thinned."""
        self.curves[name] = work.thinned(values)

    def html(self, page: str) -> None:
        """The page people see for this step in the KFP UI and in MLflow."""
        self.page = page
        self.tracker.text(page, "page.html")
