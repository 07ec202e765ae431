"""What the audit says: counts and row ids, never a value or the words around one."""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from components.core.records import Source, Split
from components.prompts.pii.canaries import Recall
from components.prompts.pii.redact import Finding
from components.prompts.report.profile import LENGTH_EDGES, binned
from components.prompts.text.use_case import PAPER

#: What the file is, for whoever reads it by program.
FORMAT = "instructflow/prompts-audit@1"
SPLITS: tuple[Split, ...] = get_args(Split)
SOURCES: tuple[Source, ...] = get_args(Source)
#: Sizes of clusters, survivor included, are told apart from these on.
_SIZE_EDGES = (3, 5, 10, 50)
#: What a rule says of one row: the rest is the rule.
_ESTIMATE = re.compile(r" \d\.\d+(?= >= )")


@dataclass(frozen=True)
class Located:
    """A finding, and the row in which it was."""

    row: str
    split: Split
    finding: Finding


@dataclass(frozen=True)
class Count:
    """How many prompts, of how many users."""

    prompts: int = 0
    users: int = 0


@dataclass(frozen=True)
class Kept:
    """What the kept prompts are like."""

    #: How many have so many tokens.
    tokens: Mapping[int, int]
    #: By split and source; of a split under ``(split, "")``, of all under ``("", "")``.
    people: Mapping[tuple[str, str], Count]
    #: How many there are of each.
    languages: Mapping[str, int]
    use_cases: Mapping[str, int]


@dataclass(frozen=True)
class Rejected:
    """Why rows were dropped, and what those that stand for them stand for."""

    #: Rows by reason and rule.
    rules: Mapping[tuple[str, str], int]
    #: How many kept prompts stand for so many rows, themselves included (two or more).
    cluster_sizes: Mapping[int, int]


def audit(
    raw: int,
    kept: Kept,
    rejected: Rejected,
    located: Iterable[Located],
    recall: Recall,
    tools: Mapping[str, str],
) -> dict[str, Any]:
    """The audit as plain values. ``tools`` says what counted tokens and told languages."""
    reasons: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for (reason, rule), count in rejected.rules.items():
        reasons[reason] += count
        # Some rules begin with their reason: "pii: holds CARD".
        named = _ESTIMATE.sub("", rule).removeprefix(f"{reason}: ")
        rules[f"{reason}: {named}"] += count
    everybody = kept.people.get(("", ""), Count())
    number = everybody.prompts
    return {
        "format": FORMAT,
        "raw": raw,
        "kept": number,
        "rejected": _by_count(reasons),
        "rules": _by_count(rules),
        "clusters": sum(rejected.cluster_sizes.values()),
        "cluster_sizes": binned(rejected.cluster_sizes, _SIZE_EDGES),
        "splits": _splits(kept),
        "sources": _by_count(
            {
                name: sum(_count(kept, split, name)["prompts"] for split in SPLITS)
                for name in SOURCES
            }
        ),
        "users": everybody.users,
        "pii": _pii(located),
        "canaries": {
            name: {"planted": recall.planted[name], "found": recall.found[name]}
            for name in recall.planted
        },
        "tokens": {
            "median": _quantile(kept.tokens, 0.5),
            "p95": _quantile(kept.tokens, 0.95),
            "max": _quantile(kept.tokens, 1.0),
            "bins": binned(kept.tokens, LENGTH_EDGES),
        },
        "languages": _by_count(kept.languages),
        "use_cases": {
            name: {
                "count": kept.use_cases.get(name, 0),
                "share": kept.use_cases.get(name, 0) / max(1, number),
                "paper": share,
            }
            for name, share in PAPER.items()
        },
        "tools": dict(tools),
    }


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    """Most frequent first, names in order where equal; without zeros."""
    found = {name: count for name, count in counts.items() if count}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _splits(kept: Kept) -> dict[str, Any]:
    """Prompts and users by split, and by source within it."""
    return {
        split: _count(kept, split)
        | {"sources": {source: _count(kept, split, source) for source in SOURCES}}
        for split in SPLITS
    }


def _count(kept: Kept, split: str, source: str = "") -> dict[str, int]:
    return dataclasses.asdict(kept.people.get((split, source), Count()))


def _pii(located: Iterable[Located]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for item in located:
        finding = item.finding
        groups[finding.entity, finding.rule, finding.action, item.split].append(item.row)
    return [
        {
            "entity": entity,
            "rule": rule,
            "action": action,
            "split": split,
            "values": len(rows),
            "rows": sorted(set(rows)),
        }
        for (entity, rule, action, split), rows in sorted(groups.items())
    ]


def _quantile(counts: Mapping[int, int], share: float) -> int:
    """The value that this share of all lies below, the nearest one; 0 where there are none."""
    place, seen = round(share * (sum(counts.values()) - 1)), 0
    for value, count in sorted(counts.items()):
        seen += count
        if place < seen:
            return value
    return 0
