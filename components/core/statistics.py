"""Statistics of human judgments that several stages need: intervals and labelers' agreement."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A share or a mean with its confidence interval. NaN where there was nothing to measure."""

    value: float
    low: float
    high: float
    #: Clusters (prompts, tasks) that it rests on.
    n: int


@dataclass(frozen=True, slots=True)
class Judgment:
    """How one labeler ranked the outputs of one task: output id -> rank, 1 is best."""

    task: str
    labeler: str
    ranks: Mapping[str, int]


def cluster_bootstrap(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    resamples: int,
    seed: int,
    confidence: float = 0.95,
) -> Interval:
    """The ratio sum(numerators) / sum(denominators), with a percentile interval.

    Element i of both is the total of cluster i. Whole clusters are drawn with replacement, so that
    judgments of one prompt, which resemble one another, do not count as independent ones.
    """
    above = np.asarray(numerators, dtype=np.float64)
    below = np.asarray(denominators, dtype=np.float64)
    keep = below > 0
    above, below = above[keep], below[keep]
    count = len(above)
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    random = np.random.default_rng(seed)
    ratios: NDArray[np.float64] = np.empty(resamples)
    # One resample at a time: memory stays that of the data, whatever its size.
    for resample in range(resamples):
        drawn = random.integers(0, count, size=count)
        ratios[resample] = above[drawn].sum() / below[drawn].sum()
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(ratios, [tail, 1.0 - tail])
    return Interval(float(above.sum() / below.sum()), float(low), float(high), count)


def pairwise_agreement(
    judgments: Iterable[Judgment], *, resamples: int, seed: int, confidence: float = 0.95
) -> Interval:
    """How often two labelers who judged the same task prefer the same one of two outputs.

    Counted over pairs of outputs that neither of the two labelers tied (the paper's 72.6% between
    training labelers). Clusters of the interval are tasks.
    """
    tasks: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        tasks.setdefault(judgment.task, []).append(judgment)
    agreed: list[float] = []
    compared: list[float] = []
    for group in tasks.values():
        same = total = 0
        for one, other in itertools.combinations(group, 2):
            if one.labeler == other.labeler:
                continue
            for a, b in itertools.combinations(sorted(one.ranks.keys() & other.ranks.keys()), 2):
                first = one.ranks[a] - one.ranks[b]
                second = other.ranks[a] - other.ranks[b]
                if first and second:
                    total += 1
                    same += (first > 0) == (second > 0)
        agreed.append(float(same))
        compared.append(float(total))
    return cluster_bootstrap(
        agreed, compared, resamples=resamples, seed=seed, confidence=confidence
    )
