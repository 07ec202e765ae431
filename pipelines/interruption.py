"""Ctrl-C and SIGTERM while steps run: the steps end first, then the run.

KFP waits for all its steps before it passes an interrupt on, and a signal that is meant for one
process does not reach the others.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from components.core.failure import Terminated

#: Set for the steps of a run: the folder of its state, absolute, which one run holds at a time.
MARK = "INSTRUCTFLOW_STEP_OF"
#: Seconds in which steps may end by themselves: a terminal's Ctrl-C reaches them as well.
PATIENCE = 1.0
#: Seconds for the last words of a step that was told to end.
LAST_WORDS = 5.0


@contextlib.contextmanager
def interruptible(folder: Path) -> Iterator[None]:
    """Inside, SIGINT is a KeyboardInterrupt and SIGTERM is Terminated, after the steps have ended.

    Args:
        folder: of the run whose steps they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: object) -> None:
        end_steps(folder, PATIENCE if number == signal.SIGINT else 0.0)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_steps(folder: Path, patience: float = 0.0) -> None:
    """End the steps of a run, also those that outlived an attempt that was killed.

    Args:
        folder: of the run.
        patience: seconds in which they may end by themselves.
    """
    _wait(folder, patience)
    for pid in steps(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    _wait(folder, LAST_WORDS)


def steps(folder: Path) -> list[int]:
    """Processes that were started as steps of the folder's run: their environment says so."""
    mark = f"{MARK}={folder.absolute()}".encode()
    found = []
    proc = Path("/proc")
    if (proc / "self" / "environ").exists():
        for entry in proc.iterdir():
            if entry.name.isdecimal():
                # It may end while we look, or belong to somebody else.
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
    else:
        listing = subprocess.run(
            ["ps", "-axwwE", "-o", "pid=,command="], capture_output=True, check=False
        )
        lines = [line.split() for line in listing.stdout.splitlines()]
        found = [int(words[0]) for words in lines if mark in words]
    return [pid for pid in found if pid != os.getpid()]


def _wait(folder: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and steps(folder):
        time.sleep(0.1)
