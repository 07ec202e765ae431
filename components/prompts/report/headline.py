"""The audit's numbers as metrics: the same in KFP, in MLflow and on the page."""

from collections.abc import Mapping
from typing import Any

from components.prompts.text.use_case import PAPER


def headline(audit: Mapping[str, Any]) -> dict[str, float]:
    """Counts, and shares of the kept prompts by use case and language, by name."""
    kept = max(1, audit["kept"])
    figures: dict[str, float] = {
        "raw": audit["raw"],
        "kept": audit["kept"],
        "kept_share": audit["kept"] / max(1, audit["raw"]),
        "clusters": audit["clusters"],
        "users": audit["users"],
        "tokens_median": audit["tokens"]["median"],
        "tokens_p95": audit["tokens"]["p95"],
        "english_share": audit["languages"].get("en", 0) / kept,
        "use_case_distance": distance(audit),
        "pii_canaries_planted": sum(one["planted"] for one in audit["canaries"].values()),
        "pii_canaries_found": sum(one["found"] for one in audit["canaries"].values()),
    }
    figures |= {f"rejected.{reason}": count for reason, count in audit["rejected"].items()}
    figures |= {f"near_{rule}": count for rule, count in audit.get("compared", {}).items()}
    for split, part in audit["splits"].items():
        figures[f"prompts.{split}"] = part["prompts"]
        figures[f"users.{split}"] = part["users"]
        for source, of in part["sources"].items():
            figures[f"prompts.{split}.{source}"] = of["prompts"]
            figures[f"users.{split}.{source}"] = of["users"]
    figures |= {f"use_case.{name}": case["share"] for name, case in audit["use_cases"].items()}
    for found in audit["pii"]:
        name = f"pii.{found['entity']}.{found['action']}"
        figures[name] = figures.get(name, 0) + found["values"]
    return figures


def distance(audit: Mapping[str, Any]) -> float:
    """Total variation between the use cases here and the paper's, 0 (the same) to 1."""
    # The paper's shares are rounded: they add up to 0.999.
    total = sum(PAPER.values())
    cases = audit["use_cases"].values()
    return float(sum(abs(case["share"] - case["paper"] / total) for case in cases) / 2)
