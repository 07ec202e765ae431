"""Which candidate pairs are near-duplicates.

LSH candidates that are joined unchecked melt a corpus of templates into a few clusters: each pair
is checked. Where the estimate from the signatures is farther from the threshold than four standard
errors, it decides; nearer, the exact similarity does. Few-shot prompts that share their examples
are duplicates only if their queries are similar, too.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from components.prompts.config import DedupConfig
from components.prompts.dedup.shingles import (
    Rows,
    ShingleSets,
    Similarities,
    Texts,
    jaccard,
    shingle_sets,
)
from components.prompts.dedup.signatures import Signatures, estimate

#: What ``verify`` gives for a pair that is no near-duplicate.
NO = -1.0
_CACHE_BYTES = 64 << 20
#: Pairs whose signatures and queries are read at a time.
_PAIRS = 1 << 14


def doubt(config: DedupConfig) -> float:
    """Half width of the zone around the threshold in which an estimate does not decide.

    Four standard errors of ``signatures.estimate`` at the threshold: 0.114 at 0.8 and 256 bins.
    """
    variance = max(config.similarity * (1 - config.similarity), 0.05)
    return 4 * math.sqrt(variance / (0.77 * config.bins))


def verify(
    texts: Texts,
    signatures: Callable[[Rows], Signatures],
    queries: Texts,
    left: Rows,
    right: Rows,
    config: DedupConfig,
    sets: ShingleSets | None = None,
) -> Similarities:
    """Similarity of each pair, or ``NO`` where it is no near-duplicate, shape (pairs,).

    The similarity is exact near the threshold and estimated elsewhere. A pair's result depends on
    the two rows alone. ``texts`` and ``queries`` give normal forms by row ("" is no query);
    ``sets`` keeps shingles for later calls.
    """
    sets = sets or ShingleSets(texts, _CACHE_BYTES)
    result = estimates(signatures, left, right)
    near = np.flatnonzero(np.abs(result - config.similarity) < doubt(config))
    result[near] = sets.jaccard(left[near], right[near])
    result[result < config.similarity] = NO
    same = np.flatnonzero(result != NO)
    alike = similar_queries(queries, left[same], right[same], config.similarity)
    result[same[~alike]] = NO
    return result


def estimates(signatures: Callable[[Rows], Signatures], left: Rows, right: Rows) -> Similarities:
    """``signatures.estimate`` of pairs of rows, shape (pairs,)."""
    result = np.empty(len(left))
    for start in range(0, len(left), _PAIRS):
        part = slice(start, start + _PAIRS)
        result[part] = estimate(signatures(left[part]), signatures(right[part]))
    return result


def similar_queries(
    queries: Texts, left: Rows, right: Rows, threshold: float
) -> npt.NDArray[np.bool_]:
    """Whether the few-shot queries of each pair ask nearly the same ("" asks nothing else)."""
    result = np.ones(len(left), dtype=bool)
    for start in range(0, len(left), _PAIRS):
        part = slice(start, start + _PAIRS)
        rows, inverse = np.unique((left[part], right[part]), return_inverse=True)
        asked = queries(rows)
        if any(asked):
            result[part] = [
                _ask_the_same(asked[one], asked[two], threshold)
                for one, two in inverse.reshape(2, -1).T.tolist()
            ]
    return result


def _ask_the_same(one: str, two: str, threshold: float) -> bool:
    if one == two or not one or not two:
        return True
    a, b = itertools.chain.from_iterable(shingle_sets((one, two)))
    return bool(jaccard([(a, b)])[0] >= threshold)
