"""Why a step failed, kept where people look: KFP's API never says it.

Recorded are the type, the place in the code and, for a user's error, the message. Other messages
may hold text of prompts, so they stay in the step's own log.
"""

import datetime
import errno
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.core.config import canonical_json
from components.core.errors import UserError
from components.core.memory import peak_memory
from components.core.scrub import without_secrets
from components.core.storage import Storage


class Terminated(SystemExit):
    """SIGTERM came: the pod is evicted or the run was ended. Python lives half a second more."""

    def __init__(self) -> None:
        super().__init__(143)


def reason(error: BaseException) -> str:
    """One line for people, free of secrets: ``ConfigError: sft.epochs: ...`` or a place."""
    if isinstance(error, UserError):
        return f"{type(error).__name__}: {without_secrets(' | '.join(str(error).splitlines()))}"
    if isinstance(error, Terminated):
        return "terminated by SIGTERM"
    return f"{type(error).__name__} at {_place(error)}; its message is in the step's log"


def place(root: str, run: str, label: str) -> str:
    """Where the failure of a step is recorded."""
    return f"{root}/failures/{run}/{label}.json"


def record(storage: Storage, root: str, run: str, label: str, error: BaseException) -> None:
    """Write the failure to S3. Where that fails, says so; the first error is the one to tell."""
    failure = {
        "stage": label,
        "run": run,
        "error": type(error).__name__,
        "reason": reason(error),
        "at": _place(error),
        "peak_memory_mb": round(peak_memory()),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    try:
        storage.put_bytes(place(root, run, label), canonical_json(failure).encode("utf-8"))
    except UserError as problem:
        told = f"the failure could not be recorded: {without_secrets(str(problem))}"
        print(told, file=sys.stderr, flush=True)


@contextmanager
def telling_full_disk() -> Iterator[None]:
    """A disk or a quota that is full is told as what it is. Raises UserError in place of OSError.

    To stand inside of the scratch folder: once that is gone there is room again.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, UserError) or not _full(error):
            raise
        scratch = Path(tempfile.gettempdir())
        # Files that Python or Arrow has open raise without their name.
        name = getattr(error, "filename", None)
        folder = Path(name).absolute().parent if isinstance(name, str) else scratch
        advice = "make room there"
        if folder.is_relative_to(scratch):
            folder, advice = scratch, "set TMPDIR to a folder on a larger one"
        raise UserError(f"{folder}: its disk{_size(folder)} is full; {advice}") from error


def _full(error: Exception) -> bool:
    """Whether a disk or a quota is full; libraries in other languages say so in words only."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left on device" in str(error)


def _size(folder: Path) -> str:
    """How large the disk is; what is free by now says little, as files went with the error."""
    try:
        return f" ({shutil.disk_usage(folder).total / 2**20:,.0f} MB)"
    except OSError:
        return ""


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM as an exception inside, so that a terminated step still says so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _place(error: BaseException) -> str:
    """``file.py:12`` where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
