"""Which prompts are duplicates of which, and which one of them stays.

1. Exact: the same normal form.
2. Candidates: MinHash-LSH over character 5-grams (or neighbours in sorted order, method "prefix").
3. Verification: every candidate pair is checked, because LSH candidates that are joined unchecked
   melt a corpus of templates into a few clusters.
4. Clusters: connected components of the verified pairs.
5. Survivor: the longest, then the earliest, then the first row.

Prompts of fewer than ``min_words`` words have exact duplicates only. Few-shot prompts that share
their examples are duplicates only if their queries are similar, too.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.prompts.config import DedupConfig
from components.prompts.normalise import words
from components.prompts.signatures import Indices, ShingleSets, band_keys, estimate
from components.prompts.signatures import signatures as _signatures

#: Half width of the zone around the threshold in which an estimate is not trusted: four standard
#: errors at 256 bins. Estimates of short texts are never trusted, whose bins borrow from another.
_DOUBT = 0.1
_SHORT = 512
#: Neighbours in a bucket are taken in these steps, from nearest to farthest.
_DISTANCES = ((1, 1), (2, 4), (5, 16), (17, 1 << 30))


@dataclass(frozen=True)
class Comparable:
    """What deduplication sees of a prompt."""

    #: Normal form of the whole conversation, and of a few-shot prompt's query ("" if it has none).
    text: str
    query: str
    #: Unix seconds.
    time: int


@dataclass(frozen=True)
class Duplicate:
    """A row that another one stands for."""

    row: int
    survivor: int
    similarity: float
    rule: str


def survivor_key(prompt: Comparable, row: int) -> tuple[int, int, int]:
    """Sorts the row that stays first: longest, then earliest, then first."""
    return (-len(prompt.text), prompt.time, row)


def exact_duplicates(prompts: Sequence[Comparable]) -> list[Duplicate]:
    """Rows whose normal form another row has, too."""
    groups: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        groups.setdefault(prompt.text, []).append(row)
    found = []
    for rows in groups.values():
        if len(rows) > 1:
            stays, *others = sorted(rows, key=lambda row: survivor_key(prompts[row], row))
            found += [Duplicate(row, stays, 1.0, "exact: same normal form") for row in others]
    return found


def near_duplicates(prompts: Sequence[Comparable], config: DedupConfig) -> list[Duplicate]:
    """Near-duplicates among prompts of which no two are exact duplicates."""
    eligible = [row for row, p in enumerate(prompts) if words(p.text) >= config.min_words]
    texts = [prompts[row].text for row in eligible]
    queries = [prompts[row].query for row in eligible]
    if config.method == "prefix":
        parents = _prefix_clusters(texts, queries, config)
        rule = f"prefix: common prefix >= {config.prefix_share:g} of the longer"
    else:
        parents = _minhash_clusters(texts, queries, config)
        rule = f"minhash: Jaccard of character 5-grams >= {config.similarity:g}"
    clusters: dict[int, list[int]] = {}
    for position, root in enumerate(parents.tolist()):
        clusters.setdefault(root, []).append(position)
    dropped: list[int] = []
    stays: list[int] = []
    for members in clusters.values():
        if len(members) > 1:
            first, *others = sorted(members, key=lambda m: survivor_key(prompts[eligible[m]], m))
            dropped += others
            stays += [first] * len(others)
    left, right = np.array(dropped, dtype=np.int64), np.array(stays, dtype=np.int64)
    if config.method == "prefix":
        similarity = [_prefix_share(texts[a], texts[b]) for a, b in zip(left, right, strict=True)]
    else:
        similarity = ShingleSets(texts).jaccard(left, right).tolist()
    return [
        Duplicate(eligible[a], eligible[b], float(value), rule)
        for a, b, value in zip(dropped, stays, similarity, strict=True)
    ]


class _Components:
    """Connected components; the root of each is its smallest position."""

    def __init__(self, size: int) -> None:
        self._parent: Indices = np.arange(size)

    def join(self, left: Indices, right: Indices) -> None:
        parent = self._parent
        for one, two in zip(left.tolist(), right.tolist(), strict=True):
            while parent[one] != one:
                one = int(parent[one])
            while parent[two] != two:
                two = int(parent[two])
            parent[max(one, two)] = min(one, two)
        self.flatten()

    def flatten(self) -> Indices:
        """The root of every position."""
        while True:
            above = self._parent[self._parent]
            if np.array_equal(above, self._parent):
                return above
            self._parent = above


def _minhash_clusters(texts: Sequence[str], queries: Sequence[str], config: DedupConfig) -> Indices:
    count = len(texts)
    components = _Components(count)
    if count < 2:
        return components.flatten()
    signature = _signatures(texts, config.bins)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=count)
    by_length = np.argsort(lengths, kind="stable")
    sets = ShingleSets(texts)
    refused = np.full(1, -1, dtype=np.int64)
    for band in range(config.bins // config.rows_per_band):
        keys = band_keys(signature, band, config.rows_per_band)
        for pairs in _bucket_pairs(keys, by_length, config.neighbours):
            roots = components.flatten()
            pairs = pairs[roots[pairs // count] != roots[pairs % count]]
            at = np.minimum(np.searchsorted(refused, pairs), len(refused) - 1)
            pairs = pairs[refused[at] != pairs]
            if len(pairs) == 0:
                continue
            left, right = pairs // count, pairs % count
            same = _verify(sets, queries, signature, lengths, left, right, config.similarity)
            components.join(left[same], right[same])
            refused = np.sort(np.concatenate([refused, pairs[~same]]))
    return components.flatten()


def _bucket_pairs(
    keys: npt.NDArray[np.uint64], by_length: Indices, neighbours: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Pairs of a band's buckets as left * count + right with left < right, nearest first.

    Within a bucket, texts are compared with the next ``neighbours`` in order of length: duplicates
    have nearly equal lengths, and the work grows with the rows and not with their square. The
    nearest come first, so that pairs that they have joined already need no check of their own.
    """
    count = len(keys)
    # The low bits of a key give way to the rank by length: one sort brings both orders.
    low = np.uint64((1 << count.bit_length()) - 1)
    ordered = (keys[by_length] & ~low) | np.arange(count, dtype=np.uint64)
    ordered.sort()
    rows = by_length[(ordered & low).astype(np.int64)]
    buckets = ordered & ~low
    for near, far in _DISTANCES:
        found = []
        for distance in range(near, min(far, neighbours, count - 1) + 1):
            at = np.flatnonzero(buckets[distance:] == buckets[:-distance])
            if len(at) == 0:
                break
            one, two = rows[at], rows[at + distance]
            found.append(np.minimum(one, two) * count + np.maximum(one, two))
        if not found:
            return
        yield np.concatenate(found)


def _verify(
    sets: ShingleSets,
    queries: Sequence[str],
    signature: npt.NDArray[np.uint32],
    lengths: Indices,
    left: Indices,
    right: Indices,
    threshold: float,
) -> npt.NDArray[np.bool_]:
    """Which candidate pairs are near-duplicates."""
    guess = estimate(signature, left, right)
    same = guess >= threshold
    short = np.minimum(lengths[left], lengths[right]) < _SHORT
    # Sets of very different sizes cannot be similar: no shingle need be looked at.
    possible = np.minimum(lengths[left], lengths[right]) >= threshold * 0.5 * np.maximum(
        lengths[left], lengths[right]
    )
    check = np.flatnonzero((short | (np.abs(guess - threshold) < _DOUBT)) & possible)
    same &= possible
    same[check] = sets.jaccard(left[check], right[check]) >= threshold
    for at in np.flatnonzero(same):
        one, two = queries[left[at]], queries[right[at]]
        if one != two:
            same[at] = _similar_queries(one, two, threshold)
    return same


def _similar_queries(one: str, two: str, threshold: float) -> bool:
    """Whether two different few-shot queries ask nearly the same ("" is no query at all)."""
    if not one or not two:
        return True
    pair = np.array([0]), np.array([1])
    return bool(ShingleSets([one, two]).jaccard(*pair)[0] >= threshold)


def _prefix_share(one: str, two: str) -> float:
    """Length of the common prefix over the length of the longer text."""
    common, beyond = 0, min(len(one), len(two)) + 1
    while beyond - common > 1:  # by halves: slices compare faster than characters
        middle = (common + beyond) // 2
        if one[common:middle] == two[common:middle]:
            common = middle
        else:
            beyond = middle
    return common / max(len(one), len(two), 1)


def _prefix_clusters(texts: Sequence[str], queries: Sequence[str], config: DedupConfig) -> Indices:
    """Sorted texts that share a long prefix with the one before them."""
    components = _Components(len(texts))
    order = sorted(range(len(texts)), key=lambda position: texts[position])
    pairs = [
        (one, two)
        for one, two in itertools.pairwise(order)
        if _prefix_share(texts[one], texts[two]) >= config.prefix_share
        and (
            queries[one] == queries[two]
            or _similar_queries(queries[one], queries[two], config.similarity)
        )
    ]
    joined = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    components.join(joined[:, 0], joined[:, 1])
    return components.flatten()
