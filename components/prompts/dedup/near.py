"""Near-duplicates: candidates, verification, clusters, and the row that stays of each.

1. Candidates: MinHash-LSH over character 5-grams (or neighbours in sorted order, method "prefix").
2. Verification of every candidate pair.
3. Clusters: connected components of the pairs that hold.
4. Survivor of a cluster: the longest row, then the earliest, then the first.

Rows of fewer than ``min_words`` words have exact duplicates only, and take no part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from components.prompts.config import DedupConfig
from components.prompts.dedup import prefix
from components.prompts.dedup.candidates import Keys, nearest_first
from components.prompts.dedup.components import Components
from components.prompts.dedup.shingles import Rows, ShingleSets, Similarities
from components.prompts.dedup.signatures import Signatures, band_keys, release
from components.prompts.dedup.verify import NO, similar_queries, verify

_MEGABYTE = 1 << 20


class Corpus(Protocol):
    """Rows that are to be compared, by number 0..n-1; texts and signatures may lie on disk."""

    #: Characters of the normal form, Unix seconds, words: int64 (n,).
    @property
    def lengths(self) -> Rows: ...
    @property
    def times(self) -> Rows: ...
    @property
    def words(self) -> Rows: ...

    #: ``signatures.signatures`` of the normal forms, shape (n, bins); may be a np.memmap.
    @property
    def signatures(self) -> Signatures: ...

    def __len__(self) -> int: ...

    def texts(self, rows: Rows) -> list[str]:
        """Normal forms of rows (ascending)."""
        ...

    def queries(self, rows: Rows) -> list[str]:
        """Normal forms of the few-shot queries of rows (ascending), "" where a row has none."""
        ...


@dataclass(frozen=True)
class Clusters:
    """Which row stands for which. Legend: n rows of the corpus."""

    #: The row that stays of each row's cluster, shape (n,): itself where it stays.
    stands_for: Rows
    #: Similarity of each row to the one that stands for it, shape (n,); 1 where it stays. Members
    #: that others connect to their survivor may be less similar to it than the threshold.
    similarity: Similarities
    #: For people: the rule and its threshold.
    rule: str

    def dropped(self) -> Rows:
        """The rows that another one stands for."""
        return np.flatnonzero(self.stands_for != np.arange(len(self.stands_for)))


@dataclass(frozen=True)
class Compared:
    """How many rows each rule drops, and how many both do."""

    minhash: int
    prefix: int
    both: int


def near_duplicates(corpus: Corpus, config: DedupConfig, memory_mb: int) -> Clusters:
    """Clusters of near-duplicates.

    ``memory_mb`` bounds texts, shingles and known pairs in memory; beside that there are some 100
    bytes a row. It changes the time and nothing else.
    """
    memory = memory_mb * _MEGABYTE
    eligible = np.flatnonzero(corpus.words >= config.min_words)
    components = Components(len(corpus))
    sets = ShingleSets(corpus.texts, memory // 2)
    if config.method == "prefix":
        _join_prefixes(corpus, config, eligible, components, memory)
    else:
        _join_similar(corpus, config, eligible, components, sets, memory)
    return _clusters(corpus, components.roots(), config, sets, memory)


def clusters(corpus: Corpus, roots: Rows, config: DedupConfig, memory_mb: int) -> Clusters:
    """The last step by itself, where pairs were found and verified elsewhere.

    ``roots`` are the components of the verified pairs, as ``Components.roots`` gives them.
    """
    memory = memory_mb * _MEGABYTE
    return _clusters(corpus, roots, config, ShingleSets(corpus.texts, memory // 2), memory)


def _clusters(
    corpus: Corpus, roots: Rows, config: DedupConfig, sets: ShingleSets, memory: int
) -> Clusters:
    stands_for = _survivors(corpus, roots)
    dropped = np.flatnonzero(stands_for != np.arange(len(stands_for)))
    similarity = np.ones(len(corpus))
    if config.method == "prefix":
        rule = f"prefix: common prefix >= {config.prefix_share:g} of the longer"
        similarity[dropped] = prefix.prefix_shares(
            corpus.texts, corpus.lengths, dropped, stands_for[dropped], memory // 2
        )
    else:
        rule = f"minhash: Jaccard of character 5-grams >= {config.similarity:g}"
        similarity[dropped] = sets.jaccard(dropped, stands_for[dropped])
    return Clusters(stands_for, similarity, rule)


def rules_compared(
    corpus: Corpus, config: DedupConfig, found: Clusters, memory_mb: int
) -> Compared:
    """What the other rule would have dropped, beside what this one did: both are reported."""
    other = config.model_copy(
        update={"method": "minhash" if config.method == "prefix" else "prefix"}
    )
    here = found.dropped()
    there = near_duplicates(corpus, other, memory_mb).dropped()
    counts = {config.method: len(here), other.method: len(there)}
    both = np.intersect1d(here, there, assume_unique=True)
    return Compared(counts["minhash"], counts["prefix"], len(both))


def _join_similar(
    corpus: Corpus,
    config: DedupConfig,
    eligible: Rows,
    components: Components,
    sets: ShingleSets,
    memory: int,
) -> None:
    rows = eligible[np.argsort(corpus.lengths[eligible], kind="stable")]
    refused = _Refused(memory // 8)
    for band in range(config.bins // config.rows_per_band):
        keys = _keys(corpus.signatures, band, config.rows_per_band, memory // 8)[rows]
        for left, right in nearest_first(keys, rows, config.neighbours):
            # Pairs of one component need no check, nor do those that another band has tried.
            apart = np.flatnonzero(components.find(left) != components.find(right))
            new = apart[~refused.known(left[apart], right[apart])]
            left, right = left[new], right[new]
            similar = verify(
                corpus.texts,
                lambda some: corpus.signatures[some],
                corpus.queries,
                left,
                right,
                config,
                sets,
            )
            same = similar != NO
            components.join(left[same], right[same])
            refused.add(left[~same], right[~same])
    release(corpus.signatures)


def _join_prefixes(
    corpus: Corpus, config: DedupConfig, eligible: Rows, components: Components, memory: int
) -> None:
    for left, right, share in prefix.neighbours(
        corpus.texts, corpus.lengths, eligible, memory // 2
    ):
        same = share >= config.prefix_share
        left, right = left[same], right[same]
        alike = similar_queries(corpus.queries, left, right, config.similarity)
        components.join(left[alike], right[alike])


def _survivors(corpus: Corpus, roots: Rows) -> Rows:
    """The row that stays of each row's component, shape (n,)."""
    stands_for = np.arange(len(roots))
    members = np.bincount(roots, minlength=len(roots))
    rows = np.flatnonzero(members[roots] > 1)
    order = np.lexsort((rows, corpus.times[rows], -corpus.lengths[rows], roots[rows]))
    rows = rows[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = roots[rows[1:]] != roots[rows[:-1]]
    if len(rows):
        stands_for[rows] = rows[first][np.cumsum(first) - 1]
    return stands_for


def _keys(signatures: Signatures, band: int, rows: int, memory: int) -> Keys:
    """Keys of one band of all rows, shape (n,)."""
    keys = np.empty(len(signatures), dtype=np.uint64)
    for first, last in _ranges(len(signatures), max(1, memory // signatures.shape[1])):
        keys[first:last] = band_keys(signatures[first:last], band, rows)
        release(signatures)
    return keys


def _ranges(count: int, step: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, step):
        yield first, min(first + step, count)


class _Refused:
    """Pairs that were checked and are no near-duplicates, as far as ``memory`` bytes go: what is
    forgotten is checked again."""

    def __init__(self, memory: int) -> None:
        self._limit = memory // 8
        self._pairs: Keys = np.empty(0, dtype=np.uint64)

    def known(self, left: Rows, right: Rows) -> npt.NDArray[np.bool_]:
        """Which pairs (left < right) are known, shape (pairs,)."""
        if len(self._pairs) == 0:
            return np.zeros(len(left), dtype=bool)
        pairs = _packed(left, right)
        at = np.minimum(np.searchsorted(self._pairs, pairs), len(self._pairs) - 1)
        found: npt.NDArray[np.bool_] = self._pairs[at] == pairs
        return found

    def add(self, left: Rows, right: Rows) -> None:
        if len(self._pairs) + len(left) > self._limit:
            self._pairs = self._pairs[:0]
        self._pairs = np.concatenate([self._pairs, _packed(left, right)[: self._limit]])
        self._pairs.sort()


def _packed(left: Rows, right: Rows) -> Keys:
    return (left.astype(np.uint64) << np.uint64(32)) | right.astype(np.uint64)
