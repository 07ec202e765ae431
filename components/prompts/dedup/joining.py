"""Joins near-duplicates band by band, with as few texts read as can be.

Pairs of one component need no check, so the order of checks changes the work and never the
components: neighbours come first, and of them those whose estimate decides, which needs no text.
"""

import numpy as np
import numpy.typing as npt

from components.prompts.config import DedupConfig
from components.prompts.dedup.candidates import nearest_first
from components.prompts.dedup.components import Components
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.shingles import Rows, ShingleSets
from components.prompts.dedup.signatures import Keys, Signatures, band_keys, release
from components.prompts.dedup.verify import doubt, estimates, similar_queries

#: Rows of a mapped file that are read before its pages are let go.
_READ = 1024


def join_similar(
    corpus: Corpus,
    config: DedupConfig,
    rows: Rows,
    components: Components,
    sets: ShingleSets,
    memory: int,
) -> None:
    """Join all ``rows`` that are near-duplicates by MinHash; ``memory`` is in bytes."""
    _Joining(corpus, config, components, sets, memory).join(rows)


class _Joining:
    def __init__(
        self,
        corpus: Corpus,
        config: DedupConfig,
        components: Components,
        sets: ShingleSets,
        memory: int,
    ) -> None:
        self._corpus = corpus
        self._config = config
        self._components = components
        self._sets = sets
        self._memory = memory
        self._refused = _Refused(memory // 8)

    def join(self, rows: Rows) -> None:
        config = self._config
        rows = rows[np.argsort(self._corpus.lengths[rows], kind="stable")]
        margin = doubt(config)
        for band in range(config.bins // config.rows_per_band):
            keys = self._keys(band)[rows]
            for left, right in nearest_first(keys, rows, config.neighbours):
                new = self._apart(left, right)
                new = new[~self._refused.known(left[new], right[new])]
                left, right = left[new], right[new]
                likely = estimates(self._signatures, left, right)
                sure = likely >= config.similarity + margin
                self._join_alike(left[sure], right[sure])
                open_ = ~sure & (likely > config.similarity - margin)
                self._compare(left[open_], right[open_])

    def _compare(self, left: Rows, right: Rows) -> None:
        """Compare pairs whose estimate does not decide."""
        still = self._apart(left, right)
        left, right = left[still], right[still]
        same = self._sets.jaccard(left, right) >= self._config.similarity
        self._refused.add(left[~same], right[~same])
        self._join_alike(left[same], right[same])

    def _join_alike(self, left: Rows, right: Rows) -> None:
        """Join pairs of similar texts whose queries are similar, too."""
        alike = similar_queries(self._corpus.queries, left, right, self._config.similarity)
        self._components.join(left[alike], right[alike])
        self._refused.add(left[~alike], right[~alike])

    def _apart(self, left: Rows, right: Rows) -> Rows:
        """The pairs that are not of one component yet."""
        return np.flatnonzero(self._components.find(left) != self._components.find(right))

    def _keys(self, band: int) -> Keys:
        """Keys of one band of all rows, shape (n,)."""
        signatures = self._corpus.signatures
        keys = np.empty(len(signatures), dtype=np.uint64)
        step = max(1, self._memory // 8 // signatures.shape[1])
        for first in range(0, len(signatures), step):
            part = slice(first, first + step)
            keys[part] = band_keys(signatures[part], band, self._config.rows_per_band)
            release(signatures)
        return keys

    def _signatures(self, rows: Rows) -> Signatures:
        """Signatures of rows; of a large file, few pages are in memory at a time."""
        signatures = self._corpus.signatures
        if signatures.nbytes <= self._memory // 4:
            return signatures[rows]
        found = np.empty((len(rows), signatures.shape[1]), dtype=signatures.dtype)
        order = np.argsort(rows)
        for start in range(0, len(order), _READ):
            part = order[start : start + _READ]
            found[part] = signatures[rows[part]]
            release(signatures)
        return found


class _Refused:
    """Pairs (left < right) that were compared in vain, as far as ``memory`` bytes go: what is
    forgotten is compared again."""

    def __init__(self, memory: int) -> None:
        self._limit = memory // 8
        self._pairs: Keys = np.empty(0, dtype=np.uint64)

    def known(self, left: Rows, right: Rows) -> npt.NDArray[np.bool_]:
        """Which pairs are known, shape (pairs,)."""
        if len(self._pairs) == 0:
            return np.zeros(len(left), dtype=bool)
        pairs = _packed(left, right)
        at = np.minimum(np.searchsorted(self._pairs, pairs), len(self._pairs) - 1)
        found: npt.NDArray[np.bool_] = self._pairs[at] == pairs
        return found

    def add(self, left: Rows, right: Rows) -> None:
        if len(self._pairs) + len(left) > self._limit:
            self._pairs = self._pairs[:0]
        if 0 < len(left) <= self._limit:
            self._pairs = np.concatenate([self._pairs, _packed(left, right)])
            self._pairs.sort()


def _packed(left: Rows, right: Rows) -> Keys:
    return (left.astype(np.uint64) << np.uint64(32)) | right.astype(np.uint64)
