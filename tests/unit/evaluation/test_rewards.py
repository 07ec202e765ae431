"""Scores of systems: means over prompts, and gains over the baseline on the same prompts."""

import pytest

from components.core.records import Message
from components.evaluation.answers import Answer, Answers, gain_by_system, mean_by_system
from components.evaluation.win_rate import Bootstrap

BOOTSTRAP = Bootstrap(200, 0, 0.95)


def answers(prompt: str, **texts: str) -> Answers:
    """``name`` wrote a text with that id; a name with "_and_" is of two systems."""
    return Answers(
        prompt,
        (Message("user", "Hi"),),
        tuple(Answer(i, i, tuple(s.split("_and_"))) for s, i in texts.items()),
    )


SHOWN = [
    answers("p1", sft="a", ppo="b"),
    answers("p2", sft="c", ppo="d"),
    answers("p3", sft_and_ppo="e"),
    answers("p4", sft="f", ppo="too long to score"),
]
SCORES = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 3.5, "e": 0.5, "f": 9.0}


def test_a_mean_is_over_the_outputs_that_have_a_score() -> None:
    means = mean_by_system(SHOWN, SCORES, BOOTSTRAP)
    assert means["sft"].value == pytest.approx((1 + 3 + 0.5 + 9) / 4)
    assert means["ppo"].value == pytest.approx((2 + 3.5 + 0.5) / 3)
    assert (means["sft"].n, means["ppo"].n) == (4, 3)
    assert means["ppo"].low <= means["ppo"].value <= means["ppo"].high


def test_a_gain_is_over_the_prompts_that_both_answered() -> None:
    gains = gain_by_system(SHOWN, SCORES, "sft", BOOTSTRAP)
    assert set(gains) == {"ppo"}
    assert gains["ppo"].value == pytest.approx((1.0 + 0.5 + 0.0) / 3)
    assert gains["ppo"].n == 3
    assert gains["ppo"].low >= 0.0


def test_without_a_baseline_there_is_no_gain() -> None:
    assert gain_by_system(SHOWN, SCORES, "base", BOOTSTRAP) == {}
    assert gain_by_system([], {}, "sft", BOOTSTRAP) == {}
