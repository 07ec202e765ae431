"""Character 5-grams of texts as 32-bit hashes, and the exact similarity of pairs of texts.

A shingle's hash is a polynomial in its five code points and the finalizer of MurmurHash3 over it:
three multiplications a character, vectorised over a block of texts, the same on every machine. Two
shingles of a pair of texts share a hash by chance once in four thousand pairs of a thousand
characters; "exact" below means up to that.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint32]
Rows = npt.NDArray[np.int64]
Similarities = npt.NDArray[np.float64]
#: Texts by row number, in the order of the rows.
Texts = Callable[[Rows], list[str]]

#: Characters in a shingle.
GRAM = 5
#: Characters hashed at a time: the working arrays of a block stay in the processor's cache.
BLOCK = 1 << 16
#: Pairs compared at a time: bounds the texts in memory at once.
_PAIRS = 256
_FACTOR = np.uint32(0x9E3779B1)
_FACTOR_SQUARED = np.uint32(0x9E3779B1**2 & 0xFFFFFFFF)


class Grams(NamedTuple):
    """All shingles of some texts, one behind the other. Legend: C characters, T texts."""

    #: Hash of the shingle that begins at each character, shape (C,).
    hashes: Hashes
    #: Where each text begins, shape (T,), and how many shingles it has (with repeats).
    starts: Rows
    counts: Rows
    #: Characters whose shingle would run over into the next text, ascending.
    beyond: Rows


def grams(texts: Sequence[str]) -> Grams:
    """Hash all shingles of texts (at least one text). A text shorter than a shingle is one."""
    # Filled up with a character that no normal form holds.
    padded = [text if len(text) >= GRAM else text.ljust(GRAM, "\x00") for text in texts]
    padded.append("\x00" * (GRAM - 1))  # so that every character has four behind it
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = np.fromiter(map(len, padded[:-1]), dtype=np.int64, count=len(texts))
    ends = np.cumsum(lengths)
    two = codes[:-1] * _FACTOR
    two += codes[1:]
    four = two[:-2] * _FACTOR_SQUARED
    four += two[2:]
    five = four[:-1]
    five *= _FACTOR
    five += codes[4:]
    beyond = (ends[:, None] + np.arange(1 - GRAM, 0)).reshape(-1)
    return Grams(mixed(five), ends - lengths, lengths - (GRAM - 1), beyond)


def mixed(values: Hashes) -> Hashes:
    """The finalizer of MurmurHash3, in place: every bit depends on every bit."""
    scratch = np.right_shift(values, np.uint32(16))
    values ^= scratch
    values *= np.uint32(0x85EBCA6B)
    np.right_shift(values, np.uint32(13), out=scratch)
    values ^= scratch
    values *= np.uint32(0xC2B2AE35)
    np.right_shift(values, np.uint32(16), out=scratch)
    values ^= scratch
    return values


def blocks(lengths: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive texts of about ``size`` characters together."""
    first, total = 0, 0
    for position, length in enumerate(lengths):
        total += length
        if total >= size:
            yield first, position + 1
            first, total = position + 1, 0
    if first < len(lengths):
        yield first, len(lengths)


def shingle_sets(texts: Sequence[str]) -> Iterator[list[Hashes]]:
    """The distinct shingles of each text, ascending; a block of texts at a time, in their order.

    The sets of a block are views of one array.
    """
    for first, last in blocks(list(map(len, texts)), BLOCK):
        hashes, starts, counts, beyond = grams(texts[first:last])
        bounds = list(zip(starts.tolist(), (starts + counts).tolist(), strict=True))
        for start, end in bounds:
            hashes[start:end].sort()
        distinct = np.empty(len(hashes), dtype=bool)
        np.not_equal(hashes[1:], hashes[:-1], out=distinct[1:])
        distinct[starts] = True
        distinct[beyond] = False
        found = hashes[distinct]
        sets, at = [], 0
        for start, end in bounds:
            size = int(np.count_nonzero(distinct[start:end]))
            sets.append(found[at : at + size])
            at += size
        yield sets


def jaccard(pairs: Sequence[tuple[Hashes, Hashes]]) -> Similarities:
    """Shared elements over all elements of two sets (distinct, not both empty), shape (pairs,)."""
    both = np.concatenate([one for pair in pairs for one in pair])
    ends = list(itertools.accumulate(len(one) + len(two) for one, two in pairs))
    starts = [0, *ends[:-1]]
    for start, end in zip(starts, ends, strict=True):
        both[start:end].sort()
    twice = np.equal(both[1:], both[:-1])
    # The first of a pair is not compared with the last of the pair before.
    common = np.array(
        [np.count_nonzero(twice[start : end - 1]) for start, end in zip(starts, ends, strict=True)]
    )
    return np.asarray(common / (np.subtract(ends, starts) - common))


class ShingleSets:
    """Exact Jaccard similarity of pairs of rows.

    Sets are kept for the next pairs, at most ``cache_bytes`` of them (and those of the ``_PAIRS``
    pairs at hand); what is kept changes nothing but the time.
    """

    def __init__(self, texts: Texts, cache_bytes: int) -> None:
        self._texts = texts
        self._limit = cache_bytes
        self._sets: dict[int, Hashes] = {}
        #: Blocks of rows whose sets are views of one array, with its bytes; oldest first.
        self._blocks: deque[tuple[list[int], int]] = deque()
        self._bytes = 0

    def jaccard(self, left: Rows, right: Rows) -> Similarities:
        """Similarity of pairs of rows, shape (pairs,).

        Pairs that share rows are best beside one another: a set is then read once.
        """
        result = np.empty(len(left))
        for start in range(0, len(left), _PAIRS):
            part = slice(start, start + _PAIRS)
            one, two = left[part].tolist(), right[part].tolist()
            self._load({*one, *two})
            sets = self._sets
            result[part] = jaccard([(sets[a], sets[b]) for a, b in zip(one, two, strict=True)])
        return result

    def _load(self, wanted: set[int]) -> None:
        while self._bytes > self._limit:
            rows, size = self._blocks.popleft()
            for row in rows:
                del self._sets[row]
            self._bytes -= size
        missing = sorted(row for row in wanted if row not in self._sets)
        if not missing:
            return
        texts, first = self._texts(np.array(missing, dtype=np.int64)), 0
        for sets in shingle_sets(texts):
            rows, first = missing[first : first + len(sets)], first + len(sets)
            self._sets.update(zip(rows, sets, strict=True))
            size = sum(map(len, sets)) * 4
            self._blocks.append((rows, size))
            self._bytes += size
