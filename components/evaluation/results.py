"""All that was measured, and the part of it that machines read (``summary.json``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.core.statistics import Interval
from components.core.systems import ordered
from components.evaluation.answers import Answers
from components.evaluation.curves import Curve
from components.evaluation.public_tasks import PublicTasks


@dataclass(frozen=True)
class PolicySource:
    """A policy that was evaluated."""

    system: str
    reference: str


@dataclass(frozen=True)
class LineageNode:
    """A published thing in the report's lineage."""

    reference: str
    kind: str
    name: str
    rows: int
    size: int
    stage: str
    code_version: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """Everything the report shows. Empty where it could not be measured."""

    baseline: str
    policies: Sequence[PolicySource]
    #: Of all intervals.
    confidence: float = 0.95
    win_rates: Mapping[str, Interval] = field(default_factory=dict)
    head_to_head: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    bradley_terry: Mapping[str, float] = field(default_factory=dict)
    likert: Mapping[str, Interval] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    #: Agreement of the labelers of this evaluation, by group.
    agreement: Mapping[str, Interval] = field(default_factory=dict)
    judgments: int = 0
    public_tasks: Mapping[str, PublicTasks] = field(default_factory=dict)
    gold: Mapping[str, Interval] = field(default_factory=dict)
    reward: Mapping[str, Interval] = field(default_factory=dict)
    #: How much more reward than the baseline, on the same prompts.
    reward_gain: Mapping[str, Interval] = field(default_factory=dict)
    #: How often the reward model prefers what a labeler of this evaluation preferred.
    reward_agreement: Interval | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    histories: Mapping[str, Curve] = field(default_factory=dict)
    answers: Sequence[Answers] = ()
    gold_by_output: Mapping[str, float] = field(default_factory=dict)
    reward_by_output: Mapping[str, float] = field(default_factory=dict)
    rank_by_output: Mapping[str, float] = field(default_factory=dict)
    #: Headline figures of the work behind the inputs: stage label -> figures.
    work: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    #: Training losses of that work, in equal steps: stage label -> losses.
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict)
    lineage: Sequence[LineageNode] = ()

    @property
    def systems(self) -> list[str]:
        """Every system that anything is known of, in the paper's order."""
        known = [self.win_rates, self.public_tasks, self.gold, self.reward, self.curves]
        return ordered([name for group in known for name in group])

    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` holds."""
        return {
            "baseline": self.baseline,
            "policies": {policy.system: policy.reference for policy in self.policies},
            "win_rates": {
                system: {
                    "win_rate": self.win_rates[system].value,
                    "ci_low": self.win_rates[system].low,
                    "ci_high": self.win_rates[system].high,
                    "n": self.win_rates[system].n,
                }
                for system in ordered(self.win_rates)
            },
            "head_to_head": {s: dict(self.head_to_head[s]) for s in ordered(self.head_to_head)},
            "bradley_terry": {s: self.bradley_terry[s] for s in ordered(self.bradley_terry)},
            "likert": {s: self.likert[s].value for s in ordered(self.likert)},
            "flags": {s: dict(self.flags[s]) for s in ordered(self.flags)},
            "agreement": {group: rate.value for group, rate in self.agreement.items()},
            "public_tasks": {
                system: {
                    "loss": self.public_tasks[system].loss.value,
                    "accuracy": _number(self.public_tasks[system].accuracy.value),
                    "bits_per_byte": self.public_tasks[system].bits_per_byte,
                }
                for system in ordered(self.public_tasks)
            },
            "gold": {system: self.gold[system].value for system in ordered(self.gold)},
            "reward": {system: self.reward[system].value for system in ordered(self.reward)},
            "reward_gain": {
                system: {
                    "gain": self.reward_gain[system].value,
                    "ci_low": self.reward_gain[system].low,
                    "ci_high": self.reward_gain[system].high,
                    "n": self.reward_gain[system].n,
                }
                for system in ordered(self.reward_gain)
            },
            "reward_agreement": self.reward_agreement.value if self.reward_agreement else None,
            "ppo": {
                system: {
                    "iteration": list(curve.iteration),
                    "kl": list(curve.kl),
                    "reward": list(curve.reward),
                    "gold": list(curve.gold),
                }
                for system, curve in sorted({**self.histories, **self.curves}.items())
            },
        }

    def headline(self) -> dict[str, float]:
        """What stands on the run: one figure a system and measure."""
        figures: dict[str, float] = {}
        for system, rate in self.win_rates.items():
            figures[f"win_rate.{system}"] = rate.value
            figures[f"win_rate_low.{system}"] = rate.low
        for system, public in self.public_tasks.items():
            figures[f"public_loss.{system}"] = public.loss.value
            figures[f"public_accuracy.{system}"] = public.accuracy.value
        figures |= {f"gold.{system}": mean.value for system, mean in self.gold.items()}
        figures |= {f"reward.{system}": mean.value for system, mean in self.reward.items()}
        for system, gain in self.reward_gain.items():
            figures[f"reward_gain.{system}"] = gain.value
            figures[f"reward_gain_low.{system}"] = gain.low
        # NaN is no figure: a document set without cloze items has no accuracy.
        return {name: value for name, value in figures.items() if value == value}


def tax_taken_back(loss: Mapping[str, float]) -> float | None:
    """Share of what PPO added to the public loss, over SFT, that PPO-ptx takes back."""
    if not {"sft", "ppo", "ppo_ptx"} <= loss.keys() or loss["ppo"] <= loss["sft"]:
        return None
    return (loss["ppo"] - loss["ppo_ptx"]) / (loss["ppo"] - loss["sft"])


def _number(value: float) -> float | None:
    return value if value == value else None
