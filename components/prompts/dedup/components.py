"""Connected components of pairs that come in pieces, in any order."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_contracts.mapped import release

Rows = npt.NDArray[np.int64]

#: Rows looked at together.
_BLOCK = 1 << 16
#: Bytes of a file whose pages may stay in memory.
_SMALL = 32 << 20


class Components:
    """Components over rows 0..size-1. A component's root is its first row: the order in which pairs
    were joined cannot be seen afterwards.

    What each row hangs on, 8 bytes a row, lies in a file of ``folder`` that goes with the object.
    """

    def __init__(self, size: int, folder: Path) -> None:
        self._size = size
        self._folder = folder
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        for start in range(0, max(1, size), _BLOCK):  # an empty file cannot be mapped
            self._file.write(np.arange(start, min(max(1, size), start + _BLOCK)).tobytes())
        self._map()

    def _map(self) -> None:
        self._file.flush()
        #: A row of the same component, never a later one.
        self._parent: Rows = np.memmap(self._file, np.int64, "r+")

    def copy(self) -> "Components":
        """The same components, to be joined further on their own."""
        other = Components(0, self._folder)
        other._size = self._size
        self._parent.flush()  # type: ignore[attr-defined]
        self._file.seek(0)
        other._file.seek(0)
        shutil.copyfileobj(self._file, other._file)
        other._map()
        return other

    def __len__(self) -> int:
        return self._size

    def find(self, rows: Rows) -> Rows:
        """The root of each row's component, shape as ``rows``."""
        root = self._parent[rows]
        while True:
            above = self._parent[root]
            if np.array_equal(above, root):
                break
            root = above
        self._parent[rows] = root
        if self._parent.nbytes > _SMALL:
            release(self._parent)
        return np.asarray(root)

    def join(self, left: Rows, right: Rows) -> None:
        """Join the components of each pair of rows."""
        while True:
            one, two = self.find(left), self.find(right)
            apart = one != two
            if not apart.any():
                return
            left, right = left[apart], right[apart]
            one, two = one[apart], two[apart]
            # Each root goes below the first of those that it meets; it may meet others: again.
            np.minimum.at(self._parent, np.maximum(one, two), np.minimum(one, two))

    def members(self) -> Iterator[tuple[Rows, Rows]]:
        """The rows that are not roots, ascending, with their roots; a piece at a time."""
        for start in range(0, self._size, _BLOCK):
            rows = np.arange(start, min(self._size, start + _BLOCK))
            roots = self.find(rows)
            below = roots != rows
            yield rows[below], roots[below]
