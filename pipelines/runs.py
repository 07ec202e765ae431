"""What is remembered of a pipeline run here: ``.instructflow/<name>/run.json``.

Written whenever a step ends, so that a run that was killed is taken up where it was.
"""

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from components.core.errors import UserError
from pipelines.view import Finished


class AlreadyRunning(UserError):
    """Another process runs the same pipeline in the same folder."""


@dataclass
class Run:
    """One pipeline run."""

    id: str
    #: Digest of the pipeline, its parameters and the code: a run is taken up by the same work only.
    fingerprint: str
    status: str = "running"
    #: The steps that did their work, in the order in which they ended.
    steps: list[Finished] = field(default_factory=list)
    #: Wall seconds of all attempts that did work; the time between attempts is no part of it.
    total: float = 0.0
    #: Work of other runs that came from the cache, by label.
    borrowed: dict[str, str] = field(default_factory=dict)
    #: Folder of the step cache, below ``.instructflow/cache``.
    cache: str = ""
    #: Reference of the report, once there is one.
    report: str = ""

    @property
    def seconds(self) -> dict[str, float]:
        """Wall seconds of each step, in whichever attempt it did its work."""
        return {step.label: step.seconds for step in self.steps}


def take_up(folder: Path, fingerprint: str, fresh: bool, moving: bool = False) -> Run:
    """The run that the folder holds if it is of the same work, else a new one.

    Args:
        folder: the run's.
        fingerprint: of the work that is to be done.
        fresh: take up nothing.
        moving: the same fingerprint may be other work another day: take up no run that succeeded.
    """
    kept = None if fresh else read(folder)
    if kept and kept.fingerprint == fingerprint and not (moving and kept.status == "succeeded"):
        kept.status = "running"
        return kept
    return Run(id=f"{folder.name}-{time.strftime('%Y%m%d-%H%M%S')}", fingerprint=fingerprint)


def read(folder: Path) -> Run | None:
    """The run that the folder holds; None where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        values = json.loads((folder / "run.json").read_text())
        steps = [Finished(**step) for step in values.pop("steps")]
        return Run(**values, steps=steps)
    return None


def keep(folder: Path, run: Run) -> None:
    """Write the run down; a kill leaves the last state or this one, nothing in between."""
    part = folder / "run.json.part"
    part.write_text(json.dumps(asdict(run), indent=2) + "\n")
    part.replace(folder / "run.json")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder: two processes would do the same steps twice. Ends with the process.

    Raises AlreadyRunning.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"{folder.name} is running already in {folder.absolute()}; wait for it, or run "
                "from another folder"
            ) from None
        yield
