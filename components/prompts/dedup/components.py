"""Connected components of pairs that come in pieces, in any order."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


class Components:
    """Components over rows 0..size-1. A component's root is its first row: the order in which pairs
    were joined cannot be seen afterwards."""

    def __init__(self, size: int) -> None:
        #: A row of the same component, never a later one.
        self._parent: Rows = np.arange(size)

    def copy(self) -> "Components":
        """The same components, to be joined further on their own."""
        other = Components(0)
        other._parent = self._parent.copy()
        return other

    def find(self, rows: Rows) -> Rows:
        """The root of each row's component, shape as ``rows``."""
        root = self._parent[rows]
        while True:
            above = self._parent[root]
            if np.array_equal(above, root):
                break
            root = above
        self._parent[rows] = root
        return root

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

    def roots(self) -> Rows:
        """The root of every row, shape (size,)."""
        return self.find(np.arange(len(self._parent)))
