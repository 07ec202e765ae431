"""What labelers agree on: with one another, and with the reward model."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from components.core.records import LabelerGroup, Ranking, Rating
from components.core.statistics import Interval, Judgment, pairwise_agreement
from components.evaluation.config import EvaluationConfig
from components.evaluation.win_rate import Bootstrap


def judgments_of(
    ratings: Iterable[Rating], rankings: Iterable[Ranking]
) -> dict[LabelerGroup, list[Judgment]]:
    """Each group's judgments, from ratings and rankings; one that stands in both counts once."""
    ranks: dict[tuple[LabelerGroup, str, str], dict[str, int]] = defaultdict(dict)
    for rating in ratings:
        ranks[rating.labeler_group, rating.task_id, rating.labeler][rating.output_id] = rating.rank
    found: dict[LabelerGroup, dict[tuple[frozenset[str], str], Judgment]] = defaultdict(dict)
    for (group, _, labeler), judged in ranks.items():
        _add(found[group], labeler, judged)
    for ranking in rankings:
        judged = {o.id: rank for o, rank in zip(ranking.outputs, ranking.ranks, strict=True)}
        _add(found[ranking.labeler_group], ranking.labeler, judged)
    return {group: list(judgments.values()) for group, judgments in found.items()}


def _add(
    found: dict[tuple[frozenset[str], str], Judgment], labeler: str, ranks: Mapping[str, int]
) -> None:
    """A task is known by the set of its outputs: rankings do not carry its id."""
    shown = frozenset(ranks)
    found.setdefault((shown, labeler), Judgment("/".join(sorted(shown)), labeler, ranks))


def agreement_of(
    judgments: Mapping[LabelerGroup, Sequence[Judgment]], config: EvaluationConfig
) -> dict[str, Interval]:
    """Pairwise agreement within each group; groups where nobody met are left out."""
    rates = {
        str(group): pairwise_agreement(
            mine, resamples=config.resamples, seed=config.seed, confidence=config.confidence
        )
        for group, mine in sorted(judgments.items())
    }
    return {group: rate for group, rate in rates.items() if rate.n}


def reward_agreement(
    ratings: Iterable[Rating], rewards: Mapping[str, float], bootstrap: Bootstrap
) -> Interval | None:
    """How often the reward model prefers what a labeler preferred; ties are left out."""
    judged: dict[tuple[str, str, str], list[Rating]] = defaultdict(list)
    for rating in ratings:
        if rating.output_id in rewards:
            judged[rating.prompt_id, rating.task_id, rating.labeler].append(rating)
    totals: dict[str, tuple[float, float]] = {}
    for (prompt, _, _), mine in judged.items():
        above, below = totals.get(prompt, (0.0, 0.0))
        for place, one in enumerate(mine):
            for other in mine[place + 1 :]:
                if one.rank != other.rank:
                    difference = rewards[one.output_id] - rewards[other.output_id]
                    right = (difference > 0) == (one.rank < other.rank)
                    above, below = above + (0.5 if difference == 0 else float(right)), below + 1
        totals[prompt] = (above, below)
    interval = bootstrap.over(totals)
    return interval if interval.n else None


def mean_ranks(ratings: Iterable[Rating]) -> dict[str, float]:
    """Output id -> its mean rank over labelers."""
    ranks: dict[str, list[int]] = defaultdict(list)
    for rating in ratings:
        ranks[rating.output_id].append(rating.rank)
    return {output: sum(mine) / len(mine) for output, mine in ranks.items()}
