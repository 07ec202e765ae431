"""Exact duplicates: rows of one digest, and the row that stands for them."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def equal(digests: npt.NDArray[np.uint64], lengths: Rows, times: Rows) -> Rows:
    """The row that stands for each row (itself where it stays), shape (n,).

    Args:
        digests: 128 bits of the normal form as two integers, shape (n, 2).
        lengths: Characters, shape (n,).
        times: Unix seconds, shape (n,).

    Of the rows with one digest the longest stays, then the earliest, then the first.
    """
    stands_for = np.arange(len(digests))
    # Rows whose first half nobody shares are most rows, and need no further look.
    order = np.argsort(digests[:, 0])
    halves = digests[order, 0]
    same = halves[1:] == halves[:-1]
    shared = np.zeros(len(order), dtype=bool)
    shared[1:] |= same
    shared[:-1] |= same
    rows = order[shared]
    if len(rows) == 0:
        return stands_for
    key = digests[rows]
    order = np.lexsort((rows, times[rows], -lengths[rows], key[:, 1], key[:, 0]))
    rows, key = rows[order], key[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (key[1:] != key[:-1]).any(axis=1)
    stands_for[rows] = rows[first][np.cumsum(first) - 1]
    return stands_for
