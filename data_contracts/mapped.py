"""Arrays that are files."""

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt


def release(array: npt.NDArray[Any]) -> None:
    """Let go of the pages of a mapped file that were used; the file keeps what they hold.

    They would count as the process's memory. An array that is no file is left as it is.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
