"""Near-duplicates: candidates, verification, clusters, and the row that stays of each.

1. Candidates: MinHash-LSH over character 5-grams (or neighbours in sorted order, method "prefix").
2. Verification of every candidate pair.
3. Clusters: connected components of the pairs that hold.
4. Survivor of a cluster: the longest row, then the earliest, then the first.

Rows of fewer than ``min_words`` words have exact duplicates only, and take no part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from components.prompts.config import DedupConfig
from components.prompts.dedup import prefix
from components.prompts.dedup.components import Components
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.exact import survivors
from components.prompts.dedup.joining import Joining
from components.prompts.dedup.shingles import Rows, ShingleSets, Similarities
from components.prompts.dedup.verify import similar_queries

__all__ = ["Clusters", "Compared", "Corpus", "clusters", "near_duplicates", "rules_compared"]

_MEGABYTE = 1 << 20
#: Rows of whole components that are settled together: their shingles are in memory at once.
_GROUP = 4096


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

    ``memory_mb`` bounds texts, signatures, shingles and known pairs in memory; beside that there
    are some 150 bytes a row. It changes the time and nothing else.
    """
    memory = memory_mb * _MEGABYTE
    eligible = np.flatnonzero(corpus.words >= config.min_words)
    components = Components(len(corpus))
    if config.method == "prefix":
        _join_prefixes(corpus, config, eligible, components, memory)
        return clusters(corpus, components.roots(), config, memory_mb)
    sets = ShingleSets(corpus.texts, memory // 4)
    joining = Joining(corpus, config, components, sets, memory)
    left, right = joining.join_likely(eligible)
    closures = components.copy()
    closures.join(left, right)
    roots = closures.roots()
    order = np.argsort(roots[left], kind="stable")
    left, right = left[order], right[order]
    result = _alone(corpus, config)
    for rows in _groups(roots):
        first, last = np.searchsorted(roots[left], roots[rows[[0, -1]]] + [0, 1])
        joining.compare(left[first:last], right[first:last])
        _settle(result, corpus, rows, components.find(rows), sets)
    return result


def clusters(corpus: Corpus, roots: Rows, config: DedupConfig, memory_mb: int) -> Clusters:
    """The last step by itself, where pairs were found and verified elsewhere.

    ``roots`` are the components of the verified pairs, as ``Components.roots`` gives them.
    """
    memory = memory_mb * _MEGABYTE
    sets = None if config.method == "prefix" else ShingleSets(corpus.texts, memory // 4)
    result = _alone(corpus, config)
    for rows in _groups(roots):
        _settle(result, corpus, rows, roots[rows], sets)
    return result


def _alone(corpus: Corpus, config: DedupConfig) -> Clusters:
    """Every row stands for itself."""
    if config.method == "prefix":
        rule = f"prefix: common prefix >= {config.prefix_share:g} of the longer"
    else:
        rule = f"minhash: Jaccard of character 5-grams >= {config.similarity:g}"
    return Clusters(np.arange(len(corpus)), np.ones(len(corpus)), rule)


def _groups(roots: Rows) -> Iterator[Rows]:
    """Rows that are not alone, whole components at a time, in the order of their roots."""
    members = np.bincount(roots, minlength=len(roots))
    rows = np.flatnonzero(members[roots] > 1)
    rows = rows[np.argsort(roots[rows], kind="stable")]
    first = np.flatnonzero(np.diff(roots[rows], prepend=-1))
    bounds = first[np.diff(first // _GROUP, prepend=0) > 0]
    yield from (part for part in np.split(rows, bounds) if len(part))


def _settle(
    result: Clusters, corpus: Corpus, rows: Rows, roots: Rows, sets: ShingleSets | None
) -> None:
    """Note what stands for each of ``rows``, in place; ``roots`` are their final components."""
    rows, stays = survivors(rows, (roots,), corpus.lengths[rows], corpus.times[rows])
    result.stands_for[rows] = stays
    gone = rows != stays
    rows, stays = rows[gone], stays[gone]
    if sets is None:
        shares = prefix.prefix_shares(corpus.texts, corpus.lengths, stays, rows)
        result.similarity[rows] = shares
    else:
        result.similarity[rows] = sets.jaccard(stays, rows)


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
