"""MinHash signatures of texts over character 5-grams, vectorised, and exact similarity of pairs.

One-permutation MinHash: each 5-gram is hashed once to 32 bits; the upper bits choose a bin, and a
bin holds its least hash. That costs one hash a character where classic MinHash costs one a
character and signature row. Bins that stay empty in a short text borrow from another bin by a fixed
sequence of permutations (Shrivastava 2017, "Optimal densification"), which keeps the property that
two signatures agree in a bin with the probability of the texts' Jaccard similarity.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
Indices = npt.NDArray[np.int64]

#: Characters in a shingle.
GRAM = 5
#: Characters hashed at a time: the working arrays of a block stay in the processor's cache.
_BLOCK = 1 << 17
#: Hashes of texts' shingle sets that are kept while pairs are compared (4 bytes each).
_CACHED = 1 << 25
#: Pairs compared at a time.
_PAIRS = 1024
_EMPTY = np.uint32(0xFFFFFFFF)


def signatures(texts: Sequence[str], bins: int) -> Words:
    """Signatures of texts, shape (texts, bins). A text shorter than a shingle is one shingle."""
    result = np.full((len(texts), bins), _EMPTY, dtype=np.uint32)
    shift = np.uint32(32 - (bins.bit_length() - 1))
    for first, last in _blocks(texts):
        hashes, owners = _grams(texts[first:last])
        at = owners * bins + (hashes >> shift)
        # No hash may look like an empty bin, or a text of one shingle could stay without any.
        np.minimum.at(result[first:last].reshape(-1), at, np.minimum(hashes, _EMPTY - np.uint32(1)))
    _densify(result)
    return result


def band_keys(signature: Words, band: int, rows: int) -> npt.NDArray[np.uint64]:
    """One 64-bit key a text for one band of its signature, shape (texts,)."""
    keys = np.full(len(signature), np.uint64(0x9E3779B97F4A7C15))
    for column in range(band * rows, (band + 1) * rows):
        keys = (keys ^ signature[:, column]) * np.uint64(0xD6E8FEB86659FD93)
        keys ^= keys >> np.uint64(32)
    return keys


def estimate(signature: Words, left: Indices, right: Indices) -> npt.NDArray[np.float64]:
    """Estimated Jaccard similarity of pairs: the share of bins that agree, shape (pairs,)."""
    result = np.empty(len(left))
    for start in range(0, len(left), 4096):
        part = slice(start, start + 4096)
        agree = signature[left[part]] == signature[right[part]]
        result[part] = np.count_nonzero(agree, axis=1) / signature.shape[1]
    return result


class ShingleSets:
    """Exact Jaccard similarity of the sets of 5-grams of texts, by their 32-bit hashes.

    Sets that were needed are kept for the next call, up to ``_CACHED`` hashes.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._sets: dict[int, Words] = {}
        self._size = 0

    def jaccard(self, left: Indices, right: Indices) -> npt.NDArray[np.float64]:
        """Similarity of pairs of texts, shape (pairs,)."""
        result = np.empty(len(left))
        # In the order of the left text, so that its set is at hand while it is needed.
        order = np.lexsort((right, left))
        for start in range(0, len(order), _PAIRS):
            part = order[start : start + _PAIRS]
            self._load(np.unique(np.concatenate([left[part], right[part]])).tolist())
            for position in part.tolist():
                one, two = self._sets[int(left[position])], self._sets[int(right[position])]
                both = np.concatenate((one, two))
                both.sort()
                common = int(np.count_nonzero(both[1:] == both[:-1]))
                result[position] = common / (len(both) - common)
        return result

    def _load(self, wanted: list[int]) -> None:
        if self._size > _CACHED:
            self._sets, self._size = {}, 0
        missing = [row for row in wanted if row not in self._sets]
        texts = [self._texts[row] for row in missing]
        for first, last in _blocks(texts):
            hashes, owners = _grams(texts[first:last])
            ends = np.searchsorted(owners, np.arange(1, last - first + 1)).tolist()
            start = 0
            for row, end in zip(missing[first:last], ends, strict=True):
                grams = hashes[start:end].copy()
                grams.sort()
                distinct = np.empty(len(grams), dtype=bool)
                distinct[0] = True
                np.not_equal(grams[1:], grams[:-1], out=distinct[1:])
                self._sets[row] = grams[distinct]
                self._size += len(self._sets[row])
                start = end


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Ranges of texts of about ``_BLOCK`` characters together."""
    first, size = 0, 0
    for position, text in enumerate(texts):
        size += len(text)
        if size >= _BLOCK:
            yield first, position + 1
            first, size = position + 1, 0
    if first < len(texts):
        yield first, len(texts)


def _grams(texts: Sequence[str]) -> tuple[Words, Indices]:
    """Hashes of all 5-grams of texts, and the text that each one belongs to."""
    # Short texts are filled up to one shingle with a character that no normal form holds.
    padded = [text if len(text) >= GRAM else text.ljust(GRAM, "\x00") for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    hashes = codes[: len(codes) - GRAM + 1] * np.uint32(0x9E3779B1)
    for step in range(1, GRAM):
        hashes += codes[step : len(codes) - GRAM + 1 + step]
        hashes *= np.uint32(0x9E3779B1 if step % 2 else 0x85EBCA77)
        hashes ^= hashes >> np.uint32(15)
    hashes *= np.uint32(0xC2B2AE3D)
    hashes ^= hashes >> np.uint32(16)
    owners = np.repeat(np.arange(len(padded)), lengths)[: len(hashes)]
    # The last four positions of a text run over into the next one.
    inside = np.ones(len(hashes), dtype=bool)
    ends = np.cumsum(lengths)[:-1]
    for back in range(1, GRAM):
        inside[ends - back] = False
    return hashes[inside], owners[inside]


def _densify(signature: Words) -> None:
    """Fill empty bins from others, in place: each bin tries the same bins in the same order."""
    bins = signature.shape[1]
    rows = np.flatnonzero((signature == _EMPTY).any(axis=1))
    for start in range(0, len(rows), 1024):
        chosen = rows[start : start + 1024]
        source = signature[chosen]
        tries = np.random.default_rng(2017)  # any seed, the same for every text
        bin_row, bin_column = np.nonzero(source == _EMPTY)
        while len(bin_row):
            offer = source[bin_row, tries.permutation(bins)[bin_column]]
            signature[chosen[bin_row], bin_column] = offer
            empty = offer == _EMPTY
            bin_row, bin_column = bin_row[empty], bin_column[empty]
