"""The paper's rule: prompts that share a long common prefix are duplicates.

Texts are sorted; each is compared with the one before it.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.shingles import Rows, Similarities, Texts
from components.prompts.dedup.text_order import in_order

#: Texts, and pairs of texts, read at a time.
_READ = 1 << 8


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


def prefix_shares(texts: Texts, left: Rows, right: Rows) -> Similarities:
    """``prefix_share`` of pairs of rows, shape (pairs,)."""
    result = np.empty(len(left))
    for start in range(0, len(left), _READ):
        part = slice(start, start + _READ)
        rows, at = np.unique((left[part], right[part]), return_inverse=True)
        read = texts(rows)
        pairs = at.reshape(2, -1).T.tolist()
        result[part] = [prefix_share(read[one], read[two]) for one, two in pairs]
    return result


def neighbours(corpus: Corpus) -> Iterator[tuple[Rows, Rows, Similarities]]:
    """Neighbours in the order of their texts, in pieces: left, right, prefix share.

    Equal texts are in the order of their numbers.
    """
    before: list[tuple[int, str]] = []
    for numbers in in_order(corpus):
        for start in range(0, len(numbers), _READ):
            part = numbers[start : start + _READ]
            ordered = [*before, *zip(part.tolist(), corpus.texts(part), strict=True)]
            before = ordered[-1:]
            inside = np.array([number for number, _ in ordered], dtype=np.int64)
            shares = [prefix_share(one, two) for (_, one), (_, two) in itertools.pairwise(ordered)]
            yield inside[:-1], inside[1:], np.array(shares, dtype=np.float64)
