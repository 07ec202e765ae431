"""Ctrl-C and SIGTERM while steps run: the steps end first, then the run."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from components.core.failure import Terminated

#: Seconds in which steps may end by themselves: a terminal's Ctrl-C reaches them as well.
PATIENCE = 1.0


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Inside, SIGINT is a KeyboardInterrupt and SIGTERM is Terminated, after the steps were ended.

    KFP waits for all its steps before it passes an interrupt on, and a signal that is meant for
    this process alone does not reach them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: object) -> None:
        deadline = time.monotonic() + (PATIENCE if number == signal.SIGINT else 0.0)
        while steps() and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in steps():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def steps() -> list[int]:
    """Processes that descend from this one, without those that have a session of their own.

    The embedded S3 has one: it outlives the steps, whose last words go there.
    """
    parents = _parents()
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    session = os.getsid(0)
    return [pid for pid in found[1:] if _session(pid) == session]


def _session(pid: int) -> int | None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid)
    return None


def _parents() -> dict[int, int]:
    """Parent's id by process id, of all live processes that can be seen."""
    parents = {}
    proc = Path("/proc")
    if (proc / "self" / "stat").exists():
        for entry in proc.iterdir():
            if entry.name.isdecimal():
                # It may end while we look. The name, in brackets, may hold anything.
                with contextlib.suppress(OSError):
                    state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                    if state != "Z":
                        parents[int(entry.name)] = int(parent)
        return parents
    listing = subprocess.run(
        ["ps", "-ax", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=False
    )
    for line in listing.stdout.splitlines():
        pid, parent, state = line.split()[:3]
        if not state.startswith("Z"):
            parents[int(pid)] = int(parent)
    return parents
