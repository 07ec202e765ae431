"""How much memory this process took, and imports that need not be searched for garbage."""

import atexit
import contextlib
import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def peak_memory() -> float:
    """The largest resident size so far, in MB."""
    # On Linux ru_maxrss of a process starts at that of the one that started it.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 1024**2 if sys.platform == "darwin" else size / 1024


@contextmanager
def lasting() -> Iterator[None]:
    """For heavy imports, whose objects stay until the process ends.

    Collections meanwhile and at the end find nothing; without them torch and mlflow import in two
    thirds of the time and the process ends at once (2 s of a step).
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
        atexit.register(gc.freeze)
