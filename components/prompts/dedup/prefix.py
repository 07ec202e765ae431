"""The paper's rule: prompts that share a long common prefix are duplicates.

Texts are sorted; each is compared with the one before it. Sorting needs no more than ``memory`` of
them at a time: a sample gives the borders of parts that fit, and each part is read and sorted by
itself (a sample sort). The order, and so the pairs, do not depend on the sample.
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from components.prompts.dedup.shingles import Rows, Similarities, Texts, blocks

#: Bytes that a text takes in memory beside its characters, and a character takes.
_OVERHEAD, _WIDTH = 80, 2
#: Characters of pairs of texts in memory at a time.
_COMPARED = 1 << 22
#: Texts of a sample for each part that it is to separate.
_SAMPLED = 16


def prefix_share(one: str, two: str) -> float:
    """Length of the common prefix over the length of the longer text."""
    common, beyond = 0, min(len(one), len(two)) + 1
    while beyond - common > 1:  # by halves: slices compare faster than characters
        middle = (common + beyond) // 2
        if one[common:middle] == two[common:middle]:
            common = middle
        else:
            beyond = middle
    return common / max(len(one), len(two), 1)


def prefix_shares(texts: Texts, lengths: Rows, left: Rows, right: Rows) -> Similarities:
    """``prefix_share`` of pairs of rows, shape (pairs,)."""
    result = np.empty(len(left))
    sizes = lengths[left] + lengths[right]
    for first, last in blocks(sizes.tolist(), _COMPARED):
        rows, at = np.unique((left[first:last], right[first:last]), return_inverse=True)
        read = texts(rows)
        pairs = at.reshape(2, -1).T.tolist()
        result[first:last] = [prefix_share(read[one], read[two]) for one, two in pairs]
    return result


def neighbours(
    texts: Texts, lengths: Rows, rows: Rows, memory: int
) -> Iterator[tuple[Rows, Rows, Similarities]]:
    """Neighbours among ``rows`` in the order of their texts, in pieces: left, right, prefix share.

    Equal texts are in the order of their row numbers.
    """
    before: list[tuple[str, int]] = []
    for part in _parts(texts, lengths, rows, memory):
        ordered = before + sorted(zip(texts(part), part.tolist(), strict=True))
        before = ordered[-1:]
        inside = np.array([row for _, row in ordered], dtype=np.int64)
        shares = [prefix_share(one, two) for (one, _), (two, _) in itertools.pairwise(ordered)]
        yield inside[:-1], inside[1:], np.array(shares, dtype=np.float64)


def _bytes(lengths: Rows) -> Rows:
    return lengths * _WIDTH + _OVERHEAD


def _parts(texts: Texts, lengths: Rows, rows: Rows, memory: int) -> Iterator[Rows]:
    """Rows cut into parts of at most ``memory`` bytes of text, every text of a part before those of
    the next (a part of one text, or of equal ones, may be larger)."""
    total = int(_bytes(lengths[rows]).sum())
    if len(rows) == 0:
        return
    if total <= memory or len(rows) == 1:
        yield rows
        return
    count = 2 * (total // memory + 1)
    sample = sorted(texts(rows[:: max(1, len(rows) // (count * _SAMPLED))]))
    # The least of the sample stays left of every border, and a border right of itself: each part
    # is smaller than the whole.
    borders = sorted({sample[at * len(sample) // count] for at in range(1, count)} - {sample[0]})
    if not borders:
        yield rows
        return
    part = np.empty(len(rows), dtype=np.int64)
    for first, last in blocks(_bytes(lengths[rows]).tolist(), memory // 4):
        part[first:last] = [bisect_right(borders, text) for text in texts(rows[first:last])]
    for number in range(len(borders) + 1):
        yield from _parts(texts, lengths, rows[part == number], memory)
