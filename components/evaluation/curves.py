"""PPO's course: reward and gold over KL, from samples drawn while it trained."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import BadInput
from components.core.records import Sample


@dataclass(frozen=True, slots=True)
class Curve:
    """One policy's course; all lists are of one length, ``gold`` may be empty."""

    iteration: tuple[int, ...]
    #: Nats to the SFT policy, a mean over responses.
    kl: tuple[float, ...]
    #: The reward model's score, a mean over responses.
    reward: tuple[float, ...]
    #: The world's own score; () where there is none.
    gold: tuple[float, ...]


def from_samples(samples: Iterable[Sample], gold: Mapping[str, float]) -> dict[str, Curve]:
    """system -> means over the samples of each iteration.

    Gold is left out for a system unless every one of its samples has a score.
    """
    grouped: dict[str, dict[int, list[Sample]]] = {}
    for sample in samples:
        grouped.setdefault(sample.system, {}).setdefault(sample.iteration, []).append(sample)
    curves = {}
    for system, by_iteration in grouped.items():
        iterations = sorted(by_iteration)
        groups = [by_iteration[iteration] for iteration in iterations]
        scored = all(sample.id in gold for group in groups for sample in group)
        curves[system] = Curve(
            iteration=tuple(iterations),
            kl=tuple(_mean(s.kl for s in group) for group in groups),
            reward=tuple(_mean(s.reward for s in group) for group in groups),
            gold=tuple(_mean(gold[s.id] for s in group) for group in groups) if scored else (),
        )
    return curves


def from_history(folder: Path, name: str) -> Curve:
    """The course of a ``history`` folder; raises BadInput where it is not of that form."""
    try:
        history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        kl = tuple(float(value) for value in history["kl"])
        reward = tuple(float(value) for value in history["reward"])
        iterations = history.get("iteration") or range(1, len(kl) + 1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"history {name}: history.json: {type(error).__name__}; expected lists of numbers "
            "under 'kl' and 'reward'"
        ) from None
    if not len(kl) == len(reward) == len(iterations):
        raise BadInput(f"history {name}: history.json: lists differ in length")
    return Curve(tuple(int(i) for i in iterations), kl, reward, ())


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
