"""The folder in which the steps of a run here keep what they need only while they work.

A step that is killed cannot tidy up, and may leave texts and user ids of prompts; KFP leaves a
folder a step. So all that goes into one folder, which goes with the run, or before the next one.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "instructflow-"


@contextlib.contextmanager
def scratch(state: Path) -> Iterator[dict[str, str]]:
    """Yields the environment that makes steps use a new folder below ``TMPDIR``.

    Args:
        state: folder of the run's state, held by this process. It remembers where the scratch is:
            what a killed process left there is removed first.
    """
    note = state / "scratch"
    with contextlib.suppress(OSError):
        _remove(Path(note.read_text()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    note.write_text(str(folder))
    try:
        yield {"TMPDIR": str(folder)}
    finally:
        _remove(folder)
        note.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    if folder.name.startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
