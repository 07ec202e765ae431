"""Simulated labelers: they choose as Plackett and Luce say, and depend on nothing but seeds."""

import itertools
import math
import random
from collections import Counter
from dataclasses import replace

import pytest

from components.core.records import FLAGS, BlindOutput, Message, Task
from components.sandbox.config import LabelersConfig
from components.sandbox.gold import Judgement
from components.sandbox.labelers import (
    LIKERT_STEPS,
    Labeler,
    assign,
    draw_labelers,
    label,
    likert,
    rank,
)

DRAWS = 4000
PLAIN = LabelersConfig(tie=0.0, flag_noise=0.0)
FINE = Judgement(
    correct=1.0, false_statements=0, rude=False, repeated=False, extra_words=0, ended=True,
    constraint=None,
)  # fmt: skip
SOMEBODY = Labeler(number=1, email="somebody@example.com", severity=1.5, length=0.0, politeness=0.0)


def task(number: int, texts: tuple[str, ...]) -> Task:
    outputs = tuple(BlindOutput(f"o{number}-{place}", text) for place, text in enumerate(texts))
    return Task(f"t{number}", f"p{number}", (Message("user", "what?"),), outputs)


def worth(score: float) -> Judgement:
    """A judgement with this gold score."""
    judgement = replace(FINE, correct=score / 2)
    assert judgement.score == pytest.approx(score)
    return judgement


def likely(count: float, probability: float, draws: int = DRAWS) -> bool:
    """Within four standard errors: one sound test in 15,000 would fail."""
    error = math.sqrt(probability * (1 - probability) / draws)
    return abs(count / draws - probability) < 4 * error


def rankings(
    labeler: Labeler, texts: tuple[str, ...], scores: tuple[float, ...], config: LabelersConfig
) -> Counter[tuple[int, ...]]:
    judgements = [worth(score) for score in scores]
    return Counter(
        tuple(seen.rank for seen in label(labeler, task(number, texts), judgements, config))
        for number in range(DRAWS)
    )


# --- choice


def test_rankings_are_plackett_luce_choices() -> None:
    """P(order) = prod over places of exp(v) / sum of exp(v) of what is left."""
    scores = (0.4, 1.0, 0.1)
    weights = [math.exp(1.5 * score) for score in scores]
    seen = rankings(SOMEBODY, ("a.", "b.", "c."), scores, PLAIN)
    assert sum(seen.values()) == DRAWS
    for order in itertools.permutations(range(3)):
        first, second, _ = (weights[index] for index in order)
        probability = first / sum(weights) * second / (sum(weights) - first)
        ranks = tuple(order.index(index) + 1 for index in range(3))
        assert likely(seen[ranks], probability), (ranks, seen[ranks] / DRAWS, probability)


def test_tastes_count_as_much_as_they_say() -> None:
    """Utility = severity x gold + length x words + politeness, by hand for two outputs."""
    labeler = replace(SOMEBODY, severity=2.0, length=0.1, politeness=0.5)
    texts = ("three words here.", "sure. it is so, thanks.")
    # 2 x 1.0 + 0.1 x 3 = 2.3 against 2 x 0.6 + 0.1 x 5 + 0.5 = 2.2.
    seen = rankings(labeler, texts, (1.0, 0.6), PLAIN)
    assert likely(seen[1, 2], 1 / (1 + math.exp(-0.1)))


def test_two_outputs_tie_when_their_utilities_are_near() -> None:
    """The difference of two Gumbel draws is logistic: P(tie) = F(t - d) - F(-t - d)."""
    seen = rankings(SOMEBODY, ("a.", "b."), (0.5, 0.3), replace_tie(0.4))

    def logistic(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    difference = 1.5 * 0.2
    assert likely(seen[1, 1], logistic(0.4 - difference) - logistic(-0.4 - difference))
    assert likely(seen[1, 2], 1 - logistic(0.4 - difference))
    assert likely(seen[2, 1], logistic(-0.4 - difference))


def replace_tie(tie: float) -> LabelersConfig:
    return PLAIN.model_copy(update={"tie": tie})


@pytest.mark.parametrize(
    ("utilities", "tie", "ranks"),
    [
        ([3.0, 1.0, 2.0], 0.0, [1, 3, 2]),
        ([3.0, 2.9, 1.0], 0.15, [1, 1, 2]),
        # 2.9 is near 3.0 and 2.8 near 2.9: a rank is as wide as a tie, measured from its best.
        ([2.8, 3.0, 2.9], 0.15, [2, 1, 1]),
        ([2.8, 3.0, 2.9, 2.7], 0.15, [2, 1, 1, 2]),
        ([1.0, 1.0, 1.0], 0.15, [1, 1, 1]),
        # Exactly as far apart as a tie is wide: no tie.
        ([1.0, 0.75], 0.25, [1, 2]),
        ([0.5], 0.15, [1]),
    ],
)
def test_ranks_by_hand(utilities: list[float], tie: float, ranks: list[int]) -> None:
    assert rank(utilities, tie) == ranks


def test_ranks_are_dense_and_in_the_order_of_utilities() -> None:
    rng = random.Random(0)
    for _ in range(200):
        utilities = [rng.gauss(0, 0.3) for _ in range(rng.randint(2, 9))]
        ranks = rank(utilities, 0.2)
        assert set(ranks) == set(range(1, max(ranks) + 1))
        for (u, r), (v, q) in itertools.combinations(zip(utilities, ranks, strict=True), 2):
            assert r == q or (r < q) == (u > v)
            if abs(u - v) >= 0.2:
                assert r != q


# --- ratings and flags


def test_likert_climbs_step_by_step() -> None:
    assert (likert(-9.0), likert(9.0)) == (1, 7)
    assert [likert(step) for step in LIKERT_STEPS] == [2, 3, 4, 5, 6, 7]
    assert [likert(step - 1e-9) for step in LIKERT_STEPS] == [1, 2, 3, 4, 5, 6]


def test_likert_follows_the_gold_score_whoever_rates() -> None:
    """Severity is a labeler's sharpness, not a shift: means are alike, and rise with the score."""

    def mean(labeler: Labeler, score: float) -> float:
        rated = [
            label(labeler, task(n, ("a.", "b.")), [worth(score)] * 2, PLAIN) for n in range(400)
        ]
        return sum(one.likert for labels in rated for one in labels) / 800

    for labeler in (SOMEBODY, replace(SOMEBODY, severity=3.0)):
        means = [mean(labeler, score) for score in (-1.0, 0.0, 1.0, 2.0)]
        assert means == sorted(means)
        assert means[-1] - means[0] > 2


def test_likert_is_on_the_scale_of_the_gold_score() -> None:
    """A labeler so sharp that noise is nothing rates by the gold score alone."""
    sharp = replace(SOMEBODY, severity=1000.0)
    for score in (-1.0, 0.0, 0.5, 1.2, 1.8, 2.5):
        (seen, _) = label(sharp, task(0, ("a.", "b.")), [worth(score), FINE], PLAIN)
        assert seen.likert == likert(score)


@pytest.mark.parametrize(
    ("change", "ticked"),
    [
        ({}, set()),
        ({"correct": 0.49}, {"fails_task"}),
        ({"correct": 0.5}, set()),
        ({"rude": True}, {"inappropriate"}),
        ({"false_statements": 2}, {"hallucination"}),
        ({"constraint": True}, {"satisfies_constraint"}),
        ({"constraint": False}, set()),
        (
            {"correct": 0.0, "harmful": True},
            {"fails_task", "inappropriate", "encourages_harm", "harmful_advice"},
        ),
    ],
)
def test_flags_say_what_is_true(change: dict[str, float], ticked: set[str]) -> None:
    judged = replace(FINE, **change)  # type: ignore[arg-type]
    (seen, _) = label(SOMEBODY, task(0, ("a.", "b.")), [judged, FINE], PLAIN)
    assert set(seen.flags) == ticked <= set(FLAGS)


def test_flags_slip_as_often_as_they_should() -> None:
    noisy = PLAIN.model_copy(update={"flag_noise": 0.1})
    rude = replace(FINE, rude=True)
    seen = [label(SOMEBODY, task(n, ("a.", "b.")), [rude, FINE], noisy) for n in range(DRAWS)]
    assert likely(sum("inappropriate" in one.flags for one, _ in seen), 0.9)
    assert likely(sum("inappropriate" in other.flags for _, other in seen), 0.1)


# --- who answers


def test_labelers_are_of_a_seed_and_of_their_group() -> None:
    config = LabelersConfig(training_labelers=5, heldout_labelers=3)
    training, heldout = draw_labelers(config)
    assert (len(training), len(heldout)) == (5, 3)
    everyone = training + heldout
    assert len({one.number for one in everyone}) == len({one.email for one in everyone}) == 8
    assert draw_labelers(config) == (training, heldout)
    assert draw_labelers(config.model_copy(update={"seed": 1})) != (training, heldout)
    # More held-out labelers change nothing about those who train.
    more = config.model_copy(update={"heldout_labelers": 9})
    assert draw_labelers(more)[0] == training
    low, high = 1 - config.severity_spread, 1 + config.severity_spread
    assert all(low <= one.severity / config.severity <= high for one in everyone)


def who(number: int, config: LabelersConfig) -> list[Labeler]:
    return assign(task(number, ("a.", "b.")), *draw_labelers(config), config)


def test_who_answers_a_task_depends_on_the_task_alone() -> None:
    config = LabelersConfig(labelers_per_task=2, second_opinion=0.5)
    chosen = {number: who(number, config) for number in range(300)}
    for number in random.Random(0).sample(range(300), 300):
        assert who(number, config) == chosen[number]
    assert all(len(set(people)) == len(people) for people in chosen.values())
    assert {len(people) for people in chosen.values()} == {2, 3}
    assert likely(sum(len(people) == 3 for people in chosen.values()), 0.5, draws=300)
    load = Counter(one.email for people in chosen.values() for one in people)
    assert len(load) == config.training_labelers
    assert max(load.values()) < 2 * min(load.values())
    other = config.model_copy(update={"seed": 7})
    assert [who(number, other) for number in range(300)] != list(chosen.values())


def test_a_group_answers_alone_and_nobody_twice() -> None:
    for group, size in (("training", 4), ("heldout", 2)):
        config = LabelersConfig.from_mapping(
            {"group": group, "training_labelers": 4, "heldout_labelers": 2, "labelers_per_task": 9}
        )
        training, heldout = draw_labelers(config)
        people = who(0, config)
        assert len(people) == len(set(people)) == size
        assert set(people) == set(training if group == "training" else heldout)


def test_held_out_labelers_join_the_training_ones_on_a_share_of_the_tasks() -> None:
    config = LabelersConfig(group="both", labelers_per_task=1, heldout_share=0.3)
    _, heldout = draw_labelers(config)
    joined = 0
    for number in range(400):
        people = who(number, config)
        outside = [one for one in people if one in heldout]
        assert len(people) - len(outside) == 1
        # Two of them, so that their agreement can be measured, too.
        assert len(outside) in (0, 2)
        joined += bool(outside)
    assert likely(joined, 0.3, draws=400)


def test_a_labelers_noise_is_of_the_seed_the_task_and_the_labeler() -> None:
    judgements = [worth(score) for score in (0.3, 0.4, 0.5, 0.6)]
    texts = ("a.", "b.", "c.", "d.")

    def seen(labeler: Labeler, config: LabelersConfig, first: int) -> list[object]:
        return [
            label(labeler, task(n, texts), judgements, config) for n in range(first, first + 20)
        ]

    expected = seen(SOMEBODY, PLAIN, 0)
    assert seen(SOMEBODY, PLAIN, 0) == expected
    assert seen(SOMEBODY, PLAIN, 100) != expected
    assert seen(SOMEBODY, PLAIN.model_copy(update={"seed": 1}), 0) != expected
    assert seen(replace(SOMEBODY, email="other@example.com"), PLAIN, 0) != expected
