"""Exact duplicates: rows of one digest; and which row of a group stands for the others."""

from collections.abc import Sequence

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
    both_halves = (digests[rows, 1], digests[rows, 0])
    rows, stays = survivors(rows, both_halves, lengths[rows], times[rows])
    stands_for[rows] = stays
    return stands_for


def survivors(
    rows: Rows, groups: Sequence[npt.NDArray[np.generic]], lengths: Rows, times: Rows
) -> tuple[Rows, Rows]:
    """The row that stays of each group: the longest, then the earliest, then the first.

    Args:
        rows: Numbers of rows, shape (n,).
        groups: What rows of one group share, one or several of shape (n,).
        lengths: Characters, shape (n,).
        times: Unix seconds, shape (n,).

    Returns:
        The rows, those of a group side by side, and the row that stays of each one's group.
    """
    order = np.lexsort((rows, times, -lengths, *groups))
    rows = rows[order]
    first = np.zeros(len(rows), dtype=bool)
    first[:1] = True
    for group in groups:
        ordered = group[order]
        first[1:] |= ordered[1:] != ordered[:-1]
    return rows, rows[first][np.cumsum(first) - 1]
