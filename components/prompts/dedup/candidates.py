"""Candidate pairs: rows that agree in all bins of a band lie in one bucket and are compared.

Within a bucket, each row is compared with the next ``neighbours`` in order of length, then row
number: near-duplicates have nearly equal lengths, and the work grows with the rows and not with
their square. What comes out depends on the buckets' members alone: not on other buckets, not on the
number of rows, not on how buckets are grouped into calls. A row's bucket differs from band to band,
so near-duplicates that a large bucket keeps apart have more chances to meet.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

#: Neighbours are taken in these steps, so that pairs that a nearer one has joined need no check.
_DISTANCES = ((1, 1), (2, 4), (5, 16), (17, 1 << 30))
#: Most pairs yielded at a time (two times 8 bytes each).
_CHUNK = 1 << 18
_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(0xFFFFFFFF00000000)


def bucket_pairs(keys: Keys, lengths: Rows, rows: Rows, neighbours: int) -> tuple[Rows, Rows]:
    """All pairs of whole buckets of one band, as two arrays of row numbers with left < right.

    Args:
        keys: The band's key of each member, shape (members,).
        lengths: Characters of each member, shape (members,).
        rows: Row number of each member, shape (members,), each once.
        neighbours: Most later rows, in order of length, that a row is compared with.
    """
    # Sorting again what is sorted already would cost more than all the rest.
    step = np.diff(lengths)
    if not bool(((step > 0) | ((step == 0) & (np.diff(rows) > 0))).all()):
        order = np.lexsort((rows, lengths))
        keys, rows = keys[order], rows[order]
    pairs = list(nearest_first(keys, rows, neighbours))
    if not pairs:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])


def nearest_first(keys: Keys, rows: Rows, neighbours: int) -> Iterator[tuple[Rows, Rows]]:
    """The pairs of ``bucket_pairs`` in pieces of bounded size, neighbours before others.

    ``keys`` and ``rows`` are in ascending order of (length, row number).
    """
    order, keys = by_bucket(keys)
    rows = rows[order]
    del order
    # Positions that have a neighbour of their own bucket at the distance at hand, or may have one.
    at = np.flatnonzero(keys[1:] == keys[:-1])
    for near, far in _DISTANCES:
        found: list[Rows] = []
        distances: list[int] = []
        size = 0
        for distance in range(near, min(far, neighbours) + 1):
            at = at[: np.searchsorted(at, len(rows) - distance)]
            at = at[keys[at] == keys[at + distance]]
            if len(at) == 0:
                break
            for start in range(0, len(at), _CHUNK):
                found.append(at[start : start + _CHUNK])
                distances.append(distance)
                size += len(found[-1])
                if size >= _CHUNK:
                    yield _pairs(rows, found, distances)
                    found, distances, size = [], [], 0
        if found:
            yield _pairs(rows, found, distances)
        if len(at) == 0:
            return


def _pairs(rows: Rows, found: list[Rows], distances: list[int]) -> tuple[Rows, Rows]:
    """Pairs in the order of their left rows: what is read for them lies side by side."""
    at = np.concatenate(found)
    beyond = at + np.repeat(distances, [len(part) for part in found])
    one, two = rows[at], rows[beyond]
    left, right = np.minimum(one, two), np.maximum(one, two)
    order, _ = _by_halves(left.view(np.uint64) << np.uint64(32))
    return left[order], right[order]


def by_bucket(keys: Keys) -> tuple[Rows, Keys]:
    """The order that brings equal keys together, each bucket in its old order; the keys in it.

    Keys are sorted by their upper halves; where those of different keys are equal (rarely), a slow
    sort mends that.
    """
    order, halves = _by_halves(keys)
    ordered = keys[order]
    mixed = (ordered[1:] != ordered[:-1]) & (halves[1:] == halves[:-1])
    if mixed.any():
        wrong = np.flatnonzero(np.isin(halves, halves[1:][mixed]))
        # Whole runs of one half: sorted by key and position, they fill the same places.
        repaired = order[wrong][np.lexsort((order[wrong], keys[order[wrong]]))]
        order[wrong] = repaired
        ordered = keys[order]
    return order, ordered


def _by_halves(values: Keys) -> tuple[Rows, npt.NDArray[np.uint32]]:
    """The stable order of values by their upper halves; these halves in it.

    A half and its position make one integer, which sorts many times faster than an order is found.
    """
    composite = (values & _HIGH) | np.arange(len(values), dtype=np.uint64)
    composite.sort()
    halves = (composite >> np.uint64(32)).astype(np.uint32)
    composite &= _LOW
    return composite.view(np.int64), halves
