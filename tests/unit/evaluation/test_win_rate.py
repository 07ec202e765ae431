"""Win rates, Likert and flags against numbers worked out by hand."""

import pytest

from components.core.records import Rating
from components.evaluation.win_rate import (
    Bootstrap,
    bradley_terry,
    comparisons,
    flag_rates,
    head_to_head,
    likert_means,
    win_rates,
)

BOOTSTRAP = Bootstrap(resamples=500, seed=0, confidence=0.95)


def rating(
    prompt: str,
    system: str,
    rank: int,
    labeler: str = "ann",
    likert: int = 4,
    flags: tuple[str, ...] = (),
    output: str = "",
) -> Rating:
    output = output or f"{prompt}-{system}"
    name = f"t{prompt}/{output}/{labeler}"
    return Rating(
        name, f"t{prompt}", prompt, output, system, labeler, "heldout", likert, flags, rank
    )


def test_wins_count_one_and_ties_half() -> None:
    ratings = [
        *(rating("1", s, r) for s, r in (("ppo", 1), ("sft", 2), ("base", 3))),
        *(rating("2", s, r) for s, r in (("ppo", 1), ("sft", 1), ("base", 2))),
        *(rating("2", s, r, "bob") for s, r in (("ppo", 2), ("sft", 1), ("base", 2))),
    ]
    rates = win_rates(comparisons(ratings), "sft", BOOTSTRAP)
    # PPO: 1 on prompt 1; 0.5 and 0 on prompt 2: 1.5 of 3.
    assert rates["ppo"].value == pytest.approx(0.5)
    assert rates["base"].value == 0.0
    assert (rates["sft"].value, rates["sft"].low, rates["sft"].high) == (0.5, 0.5, 0.5)
    assert {rate.n for rate in rates.values()} == {2}
    # Drawing prompt 1 twice gives 1, prompt 2 twice gives 0.25.
    assert (rates["ppo"].low, rates["ppo"].high) == (0.25, 1.0)


def test_several_outputs_of_a_system_count_as_their_mean() -> None:
    ratings = [
        rating("1", "ppo", 1, output="a"),
        rating("1", "ppo", 3, output="b"),
        rating("1", "sft", 2, output="c"),
    ]
    (share,) = [c.share for c in comparisons(ratings) if c.system == "ppo"]
    assert share == 0.5


def test_an_output_of_two_systems_ties_them_and_counts_for_both() -> None:
    ratings = [
        rating("1", "ppo+sft", 1, likert=6, flags=("hallucination",)),
        rating("1", "base", 2),
    ]
    rates = win_rates(comparisons(ratings), "sft", BOOTSTRAP)
    assert rates["ppo"].value == 0.5
    assert rates["base"].value == 0.0
    assert likert_means(ratings, BOOTSTRAP)["ppo"].value == 6.0
    assert flag_rates(ratings)["sft"]["hallucination"] == 1.0
    assert flag_rates(ratings)["base"]["hallucination"] == 0.0


def test_head_to_head_shares_add_up_to_one() -> None:
    ratings = [rating(str(n), s, (n * k) % 3) for n in range(20) for k, s in enumerate("abc", 1)]
    table = head_to_head(comparisons(ratings))
    for one in "abc":
        for other in "abc":
            if one != other:
                assert table[one][other] + table[other][one] == pytest.approx(1.0)


def test_bradley_terry_of_one_pair_is_its_win_rate() -> None:
    ratings = [rating(str(n), s, r) for n in range(3) for s, r in (("ppo", 1), ("sft", 2))]
    ratings += [rating("3", "ppo", 2), rating("3", "sft", 1)]
    chances = bradley_terry(comparisons(ratings), "sft")
    assert chances["ppo"] == pytest.approx(0.75, abs=1e-3)
    assert chances["sft"] == 0.5


def test_the_order_of_rows_changes_nothing() -> None:
    ratings = [
        rating(str(n), s, 1 + (n * k) % 3) for n in range(9) for k, s in enumerate(("sft", "x"))
    ]
    forward = win_rates(comparisons(ratings), "sft", BOOTSTRAP)
    assert forward == win_rates(comparisons(list(reversed(ratings))), "sft", BOOTSTRAP)


def test_without_ratings_or_baseline_there_are_no_rates() -> None:
    assert win_rates(comparisons([]), "sft", BOOTSTRAP) == {}
    assert (
        win_rates(comparisons([rating("1", "a", 1), rating("1", "b", 2)]), "sft", BOOTSTRAP) == {}
    )
    assert bradley_terry([], "sft") == {}
