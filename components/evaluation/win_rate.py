"""Human preference: win rates from ranks of outputs in the same task, Likert means, flags.

An output that several systems wrote counts for each of them, so they tie on that prompt.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import evalica

from components.core.records import FLAGS, Rating
from components.core.statistics import Interval, cluster_bootstrap
from components.core.systems import split


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one labeler saw two systems on one prompt."""

    prompt: str
    system: str
    other: str
    #: 1 where ``system`` is preferred, 0.5 for a tie; a mean where they had several outputs.
    share: float


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are made."""

    resamples: int
    seed: int
    confidence: float

    def over(self, totals: Mapping[str, tuple[float, float]]) -> Interval:
        """Ratio of totals with its interval; cluster -> (numerator, denominator)."""
        # Sorted, so that the draws do not depend on the order of rows.
        clusters = [totals[name] for name in sorted(totals)]
        return cluster_bootstrap(
            [above for above, _ in clusters],
            [below for _, below in clusters],
            resamples=self.resamples,
            seed=self.seed,
            confidence=self.confidence,
        )


def comparisons(ratings: Iterable[Rating]) -> list[Comparison]:
    """Every ordered pair of systems that one labeler ranked in one task."""
    ranks: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for rating in ratings:
        judged = ranks.setdefault((rating.prompt_id, rating.task_id, rating.labeler), {})
        for system in split(rating.system):
            judged.setdefault(system, []).append(rating.rank)
    return [
        Comparison(prompt, system, other, _share(judged[system], judged[other]))
        for (prompt, _, _), judged in sorted(ranks.items())
        for system, other in permutations(sorted(judged), 2)
    ]


def _share(ranks: Sequence[int], others: Sequence[int]) -> float:
    """Mean over all pairs of outputs: 1 for the better (lower) rank, 0.5 for equal ones."""
    wins = [1.0 if a < b else 0.5 if a == b else 0.0 for a in ranks for b in others]
    return sum(wins) / len(wins)


def win_rates(
    compared: Sequence[Comparison], baseline: str, bootstrap: Bootstrap
) -> dict[str, Interval]:
    """Each system's win rate against the baseline, whose own is 0.5 by definition.

    Every comparison weighs the same; clusters of the interval are prompts.
    """
    totals: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for comparison in compared:
        if comparison.other == baseline:
            of_system = totals[comparison.system]
            above, below = of_system.get(comparison.prompt, (0.0, 0.0))
            of_system[comparison.prompt] = (above + comparison.share, below + 1.0)
    rates = {system: bootstrap.over(of_system) for system, of_system in totals.items()}
    if rates:
        prompts = {prompt for of_system in totals.values() for prompt in of_system}
        rates[baseline] = Interval(0.5, 0.5, 0.5, len(prompts))
    return rates


def head_to_head(compared: Sequence[Comparison]) -> dict[str, dict[str, float]]:
    """system -> other -> share of comparisons in which the first is preferred (ties half)."""
    sums: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for comparison in compared:
        sums[comparison.system][comparison.other].append(comparison.share)
    return {
        system: {other: sum(shares) / len(shares) for other, shares in others.items()}
        for system, others in sums.items()
    }


def bradley_terry(compared: Sequence[Comparison], baseline: str) -> dict[str, float]:
    """Chance to beat the baseline under a Bradley-Terry model of all pairs at once.

    Unlike the plain win rate it also uses how each system fared against the others. Ties count half
    to both.
    """
    once = [c for c in compared if c.system < c.other]
    if not once:
        return {}
    winner = {True: evalica.Winner.X, False: evalica.Winner.Y}
    winners = [evalica.Winner.Draw if c.share == 0.5 else winner[c.share > 0.5] for c in once]
    result = evalica.bradley_terry([c.system for c in once], [c.other for c in once], winners)
    strengths: dict[str, float] = {name: float(value) for name, value in result.scores.items()}
    if baseline not in strengths:
        return {}
    return {
        system: strength / (strength + strengths[baseline])
        for system, strength in strengths.items()
    }


def likert_means(ratings: Iterable[Rating], bootstrap: Bootstrap) -> dict[str, Interval]:
    """Mean overall quality of each system, 1 to 7; clusters are prompts."""
    totals: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for rating in ratings:
        for system in split(rating.system):
            above, below = totals[system].get(rating.prompt_id, (0.0, 0.0))
            totals[system][rating.prompt_id] = (above + rating.likert, below + 1.0)
    return {system: bootstrap.over(of_system) for system, of_system in totals.items()}


def flag_rates(ratings: Iterable[Rating]) -> dict[str, dict[str, float]]:
    """system -> flag -> share of its ratings in which the flag was ticked."""
    counts: dict[str, dict[str, int]] = {}
    rated: dict[str, int] = defaultdict(int)
    for rating in ratings:
        for system in split(rating.system):
            rated[system] += 1
            ticked = counts.setdefault(system, dict.fromkeys(FLAGS, 0))
            for flag in rating.flags:
                ticked[flag] += 1
    return {
        system: {flag: count / rated[system] for flag, count in ticked.items()}
        for system, ticked in counts.items()
    }
