"""Agreement against numbers worked out by hand."""

import math

import pytest

from components.core.records import LabelerGroup, Rating
from components.core.statistics import Judgment, cluster_bootstrap, pairwise_agreement
from components.human_eval.agreement import agreement, likert_alpha


def rating(
    task: str, output: str, labeler: str, rank: int, likert: int, group: LabelerGroup = "training"
) -> Rating:
    name = f"{task}/{output}/{labeler}"
    return Rating(name, task, f"p-{task}", output, "sft", labeler, group, likert, (), rank)


def test_pairwise_agreement_by_hand() -> None:
    # Task 1, outputs a b c. Ann: a < b < c. Bob: a < c < b. Eve ties a and b, then c.
    # Ann-Bob: ab agree, ac agree, bc disagree: 2 of 3. Ann-Eve: ab tied, ac, bc agree: 2 of 2.
    # Bob-Eve: ab tied, ac agree, bc disagree: 1 of 2. Task 2: one labeler, nothing to compare.
    judgments = [
        Judgment("1", "ann", {"a": 1, "b": 2, "c": 3}),
        Judgment("1", "bob", {"a": 1, "b": 3, "c": 2}),
        Judgment("1", "eve", {"a": 1, "b": 1, "c": 2}),
        Judgment("2", "ann", {"d": 1, "e": 2}),
    ]
    rate = pairwise_agreement(judgments, resamples=100, seed=0)
    assert rate.value == pytest.approx(5 / 7)
    # One task only: every resample is that task.
    assert (rate.low, rate.high, rate.n) == (rate.value, rate.value, 1)


def test_agreement_keeps_groups_apart() -> None:
    ratings = [
        rating("1", "a", "ann", 1, 5),
        rating("1", "b", "ann", 2, 3),
        rating("1", "a", "bob", 1, 5),
        rating("1", "b", "bob", 2, 3),
        rating("1", "a", "zoe", 2, 5, "heldout"),
        rating("1", "b", "zoe", 1, 3, "heldout"),
    ]
    assert agreement(ratings, "training", resamples=100, seed=0).value == 1.0
    assert math.isnan(agreement(ratings, "heldout", resamples=100, seed=0).value)


def test_alpha_is_one_for_equal_ratings_and_low_for_opposite_ones() -> None:
    equal = [rating("1", o, who, 1, v) for who in ("a", "b") for o, v in (("x", 2), ("y", 6))]
    assert likert_alpha(equal) == pytest.approx(1.0)
    opposite = [rating("1", "x", "a", 1, 2), rating("1", "y", "a", 1, 6)]
    opposite += [rating("1", "x", "b", 1, 6), rating("1", "y", "b", 1, 2)]
    # Observed disagreement is d for every pair; by chance 2 of 3 pairs: alpha = 1 - 1 / (2 / 3).
    assert likert_alpha(opposite) == pytest.approx(-0.5)


def test_alpha_is_undefined_where_nobody_rated_twice() -> None:
    assert math.isnan(likert_alpha([rating("1", "x", "a", 1, 2), rating("1", "y", "b", 1, 6)]))


def test_bootstrap_is_a_ratio_of_totals_and_draws_whole_clusters() -> None:
    interval = cluster_bootstrap([3.0, 0.0, 0.0], [3.0, 1.0, 0.0], resamples=4000, seed=1)
    # Totals 3 of 4, not the mean of 1 and 0; the cluster without any judgment does not count.
    assert interval.value == 0.75
    assert interval.n == 2
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_bootstrap_width_is_that_of_independent_clusters() -> None:
    # 400 clusters of 3 equal judgments each, half of them won: se = sqrt(.25 / 400) = .025,
    # and not the sqrt(.25 / 1200) = .0144 that judgments as independent ones would give.
    interval = cluster_bootstrap([3.0, 0.0] * 200, [3.0] * 400, resamples=4000, seed=2)
    assert interval.value == 0.5
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 0.025, rel=0.08)
