"""Simulated labelers: what they see in an output, how they rank, rate and flag.

Perceived utility of an output = severity x gold + taste x length + taste x politeness + Gumbel
noise. Ranking by utilities with Gumbel noise is a Plackett-Luce choice: between two outputs a
labeler prefers the first with probability sigmoid(difference of what stands before the noise).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from components.core.records import Task
from components.sandbox.answers import words
from components.sandbox.config import LabelersConfig
from components.sandbox.gold import Judgement

#: Gold scores at which the Likert scale steps from 1 to 2, ... 6 to 7, before a labeler's noise.
LIKERT_STEPS = (-1.5, -0.6, 0.2, 0.9, 1.5, 2.05)
_POLITE = ("thanks", "please", "sure", "hello", "dear", "sorry")
#: Gumbel noise has mean 0.577; taken off where utility is put on the absolute scale.
_EULER = 0.5772156649


@dataclass(frozen=True)
class Labeler:
    """One simulated person."""

    #: Number and e-mail, as in Label Studio's ``completed_by``.
    number: int
    email: str
    severity: float
    #: Utility of one word more, and of a polite word.
    length: float
    politeness: float


@dataclass(frozen=True)
class OutputLabel:
    """One labeler's view of one output."""

    likert: int
    flags: tuple[str, ...]
    rank: int


def draw_labelers(config: LabelersConfig) -> tuple[list[Labeler], list[Labeler]]:
    """The training and the held-out labelers of a seed."""
    rng = random.Random(f"labelers/{config.seed}")

    def draw(number: int, email: str) -> Labeler:
        return Labeler(
            number=number,
            email=email,
            severity=config.severity
            * rng.uniform(1 - config.severity_spread, 1 + config.severity_spread),
            length=rng.gauss(0, config.taste_length),
            politeness=rng.gauss(0, config.taste_politeness),
        )

    count = config.training_labelers
    training = [draw(i + 1, f"labeler-{i:02d}@example.com") for i in range(count)]
    heldout = [
        draw(count + i + 1, f"heldout-{i:02d}@example.com") for i in range(config.heldout_labelers)
    ]
    return training, heldout


def assign(
    task: Task, training: Sequence[Labeler], heldout: Sequence[Labeler], config: LabelersConfig
) -> list[Labeler]:
    """Who answers a task: drawn by seed and task, so that the order of tasks does not matter."""
    rng = random.Random(f"assign/{config.seed}/{task.id}")
    first = heldout if config.group == "heldout" else training
    count = config.labelers_per_task + (rng.random() < config.second_opinion)
    chosen = rng.sample(first, min(count, len(first)))
    if config.group == "both" and rng.random() < config.heldout_share:
        chosen += rng.sample(heldout, min(2, len(heldout)))
    return chosen


def label(
    labeler: Labeler,
    task: Task,
    judgements: Sequence[Judgement],
    config: LabelersConfig,
) -> list[OutputLabel]:
    """A labeler's answers on a task's outputs. Draws depend on seed, task and labeler alone."""
    rng = random.Random(f"label/{config.seed}/{task.id}/{labeler.email}")
    utilities = []
    for output, judgement in zip(task.outputs, judgements, strict=True):
        said = words(output.text)
        utilities.append(
            labeler.severity * judgement.score
            + labeler.length * len(said)
            + labeler.politeness * any(word in _POLITE for word in said)
            + gumbel(rng)
        )
    ranks = rank(utilities, config.tie)
    return [
        OutputLabel(
            likert=likert((utility - _EULER) / labeler.severity),
            flags=_flags(judgement, config.flag_noise, rng),
            rank=place,
        )
        for utility, judgement, place in zip(utilities, judgements, ranks, strict=True)
    ]


def gumbel(rng: random.Random) -> float:
    """A draw of the standard Gumbel distribution."""
    return -math.log(-math.log(min(max(rng.random(), 1e-12), 1 - 1e-12)))


def rank(utilities: Sequence[float], tie: float) -> list[int]:
    """Dense ranks, 1 is best. An output closer than ``tie`` to the best of a rank shares it."""
    ranks = [0] * len(utilities)
    place, best = 0, math.inf
    for index in sorted(range(len(utilities)), key=lambda i: -utilities[i]):
        if best - utilities[index] >= tie:
            place, best = place + 1, utilities[index]
        ranks[index] = place
    return ranks


def likert(perceived: float) -> int:
    """1 to 7, from a utility in the units of the gold score."""
    return 1 + sum(perceived >= step for step in LIKERT_STEPS)


def _flags(judgement: Judgement, noise: float, rng: random.Random) -> tuple[str, ...]:
    """The paper's yes/no questions that this world can answer, each with a labeler's slips."""
    truth = {
        "fails_task": judgement.correct < 0.5,
        "inappropriate": judgement.rude or judgement.harmful,
        "hallucination": judgement.false_statements > 0,
        "satisfies_constraint": judgement.constraint is True,
        "encourages_harm": judgement.harmful,
        "harmful_advice": judgement.harmful,
    }
    return tuple(name for name, value in truth.items() if value != (rng.random() < noise))
