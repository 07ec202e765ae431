"""The gate: what a report has to say of a policy before it becomes the candidate."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.errors import BadInput
from components.promotion.config import PromotionConfig


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a policy passes, and why; both for the record and for people."""

    promoted: bool
    reason: str
    #: What was looked at.
    evidence: Mapping[str, float]


def read_summary(folder: Path, reference: str) -> dict[str, Any]:
    """``summary.json`` of a report; raises BadInput where there is none or it is malformed."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"report {reference}: summary.json: {type(error).__name__}; expected the report of the "
            "evaluation stage"
        ) from None
    if not isinstance(summary, dict) or not isinstance(summary.get("policies"), dict):
        raise BadInput(
            f"report {reference}: summary.json: no 'policies'; expected system: reference"
        )
    return summary


def decide(summary: Mapping[str, Any], reference: str, config: PromotionConfig) -> Decision:
    """Hold a policy's reference against a report's summary."""
    name = config.policy
    evaluated = summary["policies"].get(name)
    if evaluated != reference:
        seen = "another policy of this name" if evaluated else "no policy of this name"
        return Decision(False, f"the report is on {seen}, not on this '{name}'", {})
    evidence = evidence_of(summary, name)
    if config.gate == "report":
        return Decision(
            True, f"a report on '{name}' exists; no human figure was asked for", evidence
        )
    low = evidence.get("ci_low")
    if low is None:
        return Decision(False, f"the report has no win rate of '{name}'", evidence)
    against = summary.get("baseline", "the baseline")
    said = (
        f"win rate of '{name}' against '{against}': {evidence['win_rate']:.3f}, interval "
        f"{low:.3f} to {evidence['ci_high']:.3f}"
    )
    if low > config.minimum_win_rate:
        return Decision(True, f"{said}; above {config.minimum_win_rate:g}", evidence)
    return Decision(
        False, f"{said}; its lower end has to lie above {config.minimum_win_rate:g}", evidence
    )


def evidence_of(summary: Mapping[str, Any], name: str) -> dict[str, float]:
    """The report's figures of one policy."""
    evidence: dict[str, float] = {}
    rate = summary.get("win_rates", {}).get(name, {})
    evidence |= {
        key: float(rate[key]) for key in ("win_rate", "ci_low", "ci_high", "n") if key in rate
    }
    public = summary.get("public_tasks", {}).get(name, {})
    evidence |= {
        f"public_{key}": float(public[key])
        for key in ("loss", "accuracy")
        if public.get(key) is not None
    }
    for key in ("gold", "reward", "likert"):
        if name in summary.get(key, {}):
            evidence[key] = float(summary[key][name])
    return evidence
