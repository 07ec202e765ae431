"""Peak memory of this process; standard library only, for scripts in any environment."""

import resource
from pathlib import Path


def peak_mb() -> int:
    """Most resident memory since this program began, in MB.

    ``getrusage`` on Linux begins with what the parent had when it forked; ``VmHWM`` does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
