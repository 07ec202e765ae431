"""Joins near-duplicates, with as few texts read as can be.

Pairs of one component need no check, so the order of checks changes the work and never the
components:

1. Band by band, pairs whose estimate decides are joined or forgotten, without a text. Those in
   doubt are noted.
2. The noted pairs tell which rows can become one cluster at all: *closures*. Closure by closure,
   pairs in doubt are compared exactly: each text is read about once.

Where more pairs are in doubt than memory has room for, those so far are compared before the rest.
"""

import contextlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from components.prompts.config import DedupConfig
from components.prompts.dedup.bands import Bands
from components.prompts.dedup.candidates import nearest_first
from components.prompts.dedup.components import Components
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.shingles import Rows, ShingleSets
from components.prompts.dedup.signatures import Keys, Signatures
from components.prompts.dedup.verify import doubt, estimates, similar_queries

#: Pairs in doubt that are compared before the next are looked at again, and that share rows.
_COMPARED = 256
_TOGETHER = 1 << 14
_LOW = np.uint64(0xFFFFFFFF)


class Joining:
    """Joins rows of a corpus in ``components``; ``memory`` is in bytes."""

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
        self._signatures: Callable[[Rows], Signatures] = corpus.signatures.take
        if len(corpus) * config.bins <= memory // 4:  # all of them, where they fit
            self._signatures = corpus.signatures.between(0, len(corpus)).__getitem__
        self._in_doubt = _Pairs(memory // 8)
        self._refused = _Pairs(memory // 16)

    def join(self) -> None:
        """Join all near-duplicates."""
        config = self._config
        signatures, folder = self._corpus.signatures, self._corpus.folder
        with contextlib.closing(Bands(signatures, config, folder, self._memory // 4)) as bands:
            self._join_likely(bands)
        self._settle_doubts()

    def _join_likely(self, bands: Bands) -> None:
        """Join the pairs whose estimate decides; note those in doubt."""
        config, margin = self._config, doubt(self._config)
        for band in range(len(bands)):
            for keys, rows, fresh in bands.pieces(band):
                for left, right in nearest_first(keys, rows, config.neighbours):
                    if fresh:
                        left, right = left[right >= fresh], right[right >= fresh]
                    left, right = self._new(left, right)
                    likely = estimates(self._signatures, left, right)
                    sure = likely >= config.similarity + margin
                    self._refused.add(*self._join_alike(left[sure], right[sure]))
                    open_ = ~sure & (likely > config.similarity - margin)
                    self._in_doubt.add(left[open_], right[open_])
                    if self._in_doubt.is_full:
                        self._settle_doubts()

    def _settle_doubts(self) -> None:
        """Compare the pairs in doubt, closure by closure."""
        left, right = self._in_doubt.take()
        closures = self._components.copy()
        closures.join(left, right)
        order = np.argsort(closures.find(left), kind="stable")
        for start in range(0, len(order), _TOGETHER):
            part = order[start : start + _TOGETHER]
            self._refused.add(*self._compare(left[part], right[part]))

    def _compare(self, left: Rows, right: Rows) -> tuple[Rows, Rows]:
        """Compare pairs in doubt exactly and join what is similar; returns the other pairs.

        Pairs of a left row are beside one another. The first of each come first, then the second:
        many of the later ones are of one component by then.
        """
        first = np.flatnonzero(np.diff(left, prepend=-1))
        turn = np.arange(len(left)) - np.repeat(first, np.diff(first, append=len(left)))
        order = np.argsort(turn, kind="stable")
        refused = [(left[:0], right[:0])]
        for start in range(0, len(order), _COMPARED):
            part = order[start : start + _COMPARED]
            part = part[self._apart(left[part], right[part])]
            one, two = left[part], right[part]
            same = self._sets.jaccard(one, two) >= self._config.similarity
            refused += [(one[~same], two[~same]), self._join_alike(one[same], two[same])]
        return np.concatenate([r[0] for r in refused]), np.concatenate([r[1] for r in refused])

    def _join_alike(self, left: Rows, right: Rows) -> tuple[Rows, Rows]:
        """Join pairs of similar texts whose queries are similar, too; returns the other pairs."""
        alike = similar_queries(self._corpus.queries, left, right, self._config.similarity)
        self._components.join(left[alike], right[alike])
        return left[~alike], right[~alike]

    def _new(self, left: Rows, right: Rows) -> tuple[Rows, Rows]:
        """The pairs that are not of one component yet, and were not compared in vain."""
        apart = self._apart(left, right)
        left, right = left[apart], right[apart]
        known = self._refused.known(left, right)
        return left[~known], right[~known]

    def _apart(self, left: Rows, right: Rows) -> Rows:
        return np.flatnonzero(self._components.find(left) != self._components.find(right))


class _Pairs:
    """A set of pairs (left < right) in ``memory`` bytes. When it is full, it is emptied or it
    forgets."""

    def __init__(self, memory: int) -> None:
        self._limit = max(1, memory // 16)
        self._sorted: Keys = np.empty(0, dtype=np.uint64)
        self._new: list[Keys] = []
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether little room is left, after pairs that came twice are gone."""
        if self._count > self._limit:
            self._tidy()
        return self._count > self._limit * 3 // 4 and not self._new

    def add(self, left: Rows, right: Rows) -> None:
        if len(left):
            if self.is_full:
                self.take()
            self._new.append(_packed(left, right))
            self._count += len(left)

    def known(self, left: Rows, right: Rows) -> npt.NDArray[np.bool_]:
        """Which pairs are in the set, shape (pairs,)."""
        self._tidy()
        if self._count == 0:
            return np.zeros(len(left), dtype=bool)
        pairs = _packed(left, right)
        at = np.minimum(np.searchsorted(self._sorted, pairs), self._count - 1)
        found: npt.NDArray[np.bool_] = self._sorted[at] == pairs
        return found

    def take(self) -> tuple[Rows, Rows]:
        """The pairs, each once and in order; the set is empty then."""
        self._tidy()
        pairs, self._sorted, self._count = self._sorted, self._sorted[:0], 0
        return (pairs >> np.uint64(32)).astype(np.int64), (pairs & _LOW).astype(np.int64)

    def _tidy(self) -> None:
        if self._new:
            pairs = np.concatenate([self._sorted, *self._new])
            pairs.sort()  # np.unique hashes, which packed pairs make many times slower
            self._sorted = pairs[np.append(True, pairs[1:] != pairs[:-1])]
            self._new, self._count = [], len(self._sorted)


def _packed(left: Rows, right: Rows) -> Keys:
    return (left.astype(np.uint64) << np.uint64(32)) | right.astype(np.uint64)
