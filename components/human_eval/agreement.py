"""How far labelers agree: pairwise, as the paper counts it, and Krippendorff's alpha."""

from collections.abc import Iterable, Mapping

import krippendorff
import numpy as np

from components.core.records import LabelerGroup, Rating
from components.core.statistics import Interval, Judgment, pairwise_agreement


def judgments(ratings: Iterable[Rating], group: LabelerGroup) -> list[Judgment]:
    """The rankings of one group of labelers, from the ranks of their ratings."""
    ranks: dict[tuple[str, str], dict[str, int]] = {}
    for rating in ratings:
        if rating.labeler_group == group:
            ranks.setdefault((rating.task_id, rating.labeler), {})[rating.output_id] = rating.rank
    return [Judgment(task, labeler, ranked) for (task, labeler), ranked in ranks.items()]


def agreement(
    ratings: Iterable[Rating], group: LabelerGroup, *, resamples: int, seed: int
) -> Interval:
    """Pairwise agreement among the labelers of one group; see ``pairwise_agreement``."""
    return pairwise_agreement(judgments(ratings, group), resamples=resamples, seed=seed)


def likert_alpha(ratings: Iterable[Rating]) -> float:
    """Krippendorff's alpha (ordinal) of the Likert ratings; NaN where no output was rated twice.

    1 is perfect agreement, 0 what chance gives. No two labelers rate the same tasks, so missing
    ratings are the rule: alpha is made for that.
    """
    by_labeler: dict[str, dict[str, int]] = {}
    for rating in ratings:
        unit = f"{rating.task_id}/{rating.output_id}"
        by_labeler.setdefault(rating.labeler, {})[unit] = rating.likert
    return _alpha(by_labeler)


def _alpha(by_labeler: Mapping[str, Mapping[str, int]]) -> float:
    units = sorted({unit for ratings in by_labeler.values() for unit in ratings})
    matrix = np.full((len(by_labeler), len(units)), np.nan)
    column = {unit: index for index, unit in enumerate(units)}
    for row, ratings in enumerate(by_labeler.values()):
        for unit, likert in ratings.items():
            matrix[row, column[unit]] = likert
    twice = matrix[:, (~np.isnan(matrix)).sum(axis=0) > 1]
    if twice.size == 0 or len(np.unique(twice[~np.isnan(twice)])) < 2:
        return float("nan")
    return float(krippendorff.alpha(reliability_data=matrix, level_of_measurement="ordinal"))
