"""What a text is recognised by: its digest, and its MinHash signature.

Signatures are one-permutation MinHash in several rounds (Dahlgaard, Knudsen, Thorup 2017, "Fast
similarity sketching"), one byte a bin:

1. Each shingle is hashed to 32 bits; the upper bits choose a bin, and a bin keeps its least hash.
2. A text with fewer than two shingles a bin goes again, with fresh hashes, into the bins that are
   still empty, until it has sent two a bin. That fills 86% of the bins, each on its own account: a
   short text's signature is as good as a long one's.
3. The other bins borrow from filled ones by a fixed sequence of permutations (Shrivastava 2017,
   "Optimal densification").
4. Of each bin's hash the low byte stays. Bins of unlike texts agree by chance once in 256, which
   ``estimate`` takes off; in return a row has 256 bytes instead of 1 KB.

Two signatures then agree in a bin with the probability of the texts' Jaccard similarity. A
signature depends on its text alone. Published signatures are compared with those of later rounds,
so a change of anything here is a new ``SCHEME``.
"""

import functools
import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.prompts.dedup.shingles import BLOCK, Hashes, Rows, Similarities, grams, mixed

Signatures = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.uint64]

#: Names the algorithm of this file and of the shingles' hashes.
SCHEME = "minhash-5gram-8bit:1"
DTYPE = np.uint8
#: In place of the digest of a few-shot query: there is none.
NO_QUERY = bytes(16)
_EMPTY = np.uint32(0xFFFFFFFF)
#: Shingles that a text sends to each bin at least, repeats included.
_FILL = 2
#: Most further rounds; only texts of a few shingles would take more.
_ROUNDS = 31
#: Tries to borrow from a filled bin; with half of the bins filled, none is left by then.
_TRIES = 32
#: Bytes of pairs' signatures compared at a time.
_COMPARED = 1 << 20


def digest(text: str) -> bytes:
    """16 bytes that stand for a text (a normal form, an id): BLAKE2b of its UTF-8."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def digests(texts: Sequence[str]) -> Keys:
    """Digests of texts as two integers each, shape (texts, 2)."""
    joined = b"".join(map(digest, texts))
    return np.frombuffer(joined, dtype="<u8").astype(np.uint64).reshape(-1, 2)


def signatures(texts: Sequence[str], bins: int) -> Signatures:
    """Signatures of normal forms, shape (texts, bins); ``bins`` is a power of two."""
    result = np.empty((len(texts), bins), dtype=DTYPE)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    # Texts of like length together: they take the same number of rounds.
    order = np.argsort(lengths, kind="stable")
    # A block's bins stay in the cache, too.
    sizes = np.maximum(lengths[order], bins)
    bounds = np.flatnonzero(np.diff(np.cumsum(sizes) // BLOCK)) + 1
    for rows in np.split(order, bounds) if len(order) else []:
        result[rows] = _block([texts[row] for row in rows.tolist()], bins)
    return result


def _block(texts: Sequence[str], bins: int) -> Signatures:
    """Signatures of texts in ascending order of length."""
    count = len(texts)
    shift = np.uint32(32 - (bins.bit_length() - 1))
    hashes, starts, counts, beyond = grams(texts)
    # No hash may look like an empty bin, or a text of one shingle could stay without any.
    np.minimum(hashes, _EMPTY - np.uint32(1), out=hashes)
    # One more bin at the end takes what runs over from a text into the next.
    least = np.full(count * bins + 1, _EMPTY, dtype=np.uint32)
    sizes = np.diff(starts, append=len(hashes))
    owners = np.repeat(np.arange(0, count * bins, bins), sizes)
    at = owners + (hashes >> shift)
    at[beyond] = count * bins
    np.minimum.at(least, at, hashes)

    rounds = np.minimum(-(-_FILL * bins // counts) - 1, _ROUNDS)  # descending
    for number in range(1, int(rounds[0]) + 1):
        texts_left = int(np.searchsorted(-rounds, -number, side="right"))
        stop = int(starts[texts_left]) if texts_left < count else len(hashes)
        again = mixed(np.add(hashes[:stop], np.uint32(0x9E3779B9), out=hashes[:stop]))
        at = owners[:stop] + (again >> shift)
        free = (least[: texts_left * bins] == _EMPTY)[at]
        free[beyond[: np.searchsorted(beyond, stop)]] = False
        np.minimum.at(least, at[free], np.minimum(again[free], _EMPTY - np.uint32(1)))

    filled = least[:-1].reshape(count, bins)
    _borrow(filled)
    return filled.astype(DTYPE)  # the low byte


def _borrow(least: Hashes) -> None:
    """Fill empty bins from filled ones, in place; a bin tries the same bins for every text."""
    row, column = np.nonzero(least == _EMPTY)
    if len(row) == 0:
        return
    source = least.copy()
    for number in range(_TRIES):
        offer = source[row, _permutation(least.shape[1], number)[column]]
        least[row, column] = offer
        empty = offer == _EMPTY
        row, column = row[empty], column[empty]
        if len(row) == 0:
            return
    # Texts of one shingle over and over: the nearest filled bin to the left, around the end.
    bins = least.shape[1]
    rows, inverse = np.unique(row, return_inverse=True)
    twice = np.concatenate((source[rows], source[rows]), axis=1)
    filled = np.where(twice != _EMPTY, np.arange(2 * bins), 0)
    nearest = np.maximum.accumulate(filled, axis=1)[inverse, column + bins]
    least[row, column] = twice[inverse, nearest]


@functools.cache
def _permutation(bins: int, number: int) -> Rows:
    """One of a fixed sequence of permutations of the bins."""
    seeds = np.arange(bins, dtype=np.uint32) + np.uint32(number * bins)
    return np.argsort(mixed(mixed(seeds) + np.uint32(2017)), kind="stable")


def band_keys(signature: Signatures, band: int, rows: int) -> Keys:
    """One key a text for one band of its signature, shape (texts,).

    Up to eight bins, keys are equal where all bins are equal, and nowhere else.
    """
    words = -(-rows // 8)
    columns = np.zeros((len(signature), 8 * words), dtype=DTYPE)
    columns[:, :rows] = signature[:, band * rows : (band + 1) * rows]
    keys = np.zeros(len(signature), dtype=np.uint64)
    for word in columns.view("<u8").T:
        keys ^= word
        keys *= np.uint64(0xD6E8FEB86659FD93)  # odd, so nothing collides that did not before
        keys ^= keys >> np.uint64(32)
    return keys


def estimate(one: Signatures, two: Signatures) -> Similarities:
    """Estimated Jaccard similarity of pairs of signatures, both (pairs, bins), shape (pairs,).

    Its standard error at similarity s is about ``sqrt(s * (1 - s) / (0.77 * bins))`` for texts of
    up to two shingles a bin (of which a seventh is borrowed), and less for longer ones: 0.028 at
    s = 0.8 and 256 bins.
    """
    bins = one.shape[1]
    result = np.empty(len(one))
    step = max(1, _COMPARED // bins)
    for start in range(0, len(one), step):
        part = slice(start, start + step)
        result[part] = _agreeing(one[part] == two[part])
    chance = 1 / 256
    likely: Similarities = np.maximum((result / bins - chance) / (1 - chance), 0.0)
    return likely


def _agreeing(equal: npt.NDArray[np.bool_]) -> Keys:
    """Count what is true in each row; eight at a time where the row allows."""
    bins = equal.shape[1]
    if bins % 8 or bins > 8 * 255:
        return np.asarray(np.count_nonzero(equal, axis=1), dtype=np.uint64)
    lanes: Keys = equal.view(np.uint64).sum(axis=1, dtype=np.uint64)  # eight counts up to 255
    even = np.uint64(0x00FF00FF00FF00FF)
    quarters: Keys = (lanes & even) + ((lanes >> np.uint64(8)) & even)
    quarters *= np.uint64(0x0001000100010001)  # their sum, in the upper quarter
    quarters >>= np.uint64(48)
    return quarters
