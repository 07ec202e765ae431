"""What the audit says: counts and row ids, never a value or the words around one."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from components.core.records import Prompt, Reject, Source, Split
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
class Kept:
    """What the n kept prompts are like."""

    #: (n,) in tokens.
    tokens: NDArray[np.int64]
    #: (n,) positions in ``SPLITS`` and in ``SOURCES``.
    splits: NDArray[np.int8]
    sources: NDArray[np.int8]
    #: (n,) a number for each user.
    users: NDArray[np.int64]
    #: How many of them.
    languages: Mapping[str, int]
    use_cases: Mapping[str, int]

    @classmethod
    def of(cls, prompts: Sequence[Prompt]) -> Self:
        """Of prompts at hand."""
        users: dict[str, int] = {}
        return cls(
            tokens=np.array([p.tokens for p in prompts], dtype=np.int64),
            splits=np.array([SPLITS.index(p.split) for p in prompts], dtype=np.int8),
            sources=np.array([SOURCES.index(p.source) for p in prompts], dtype=np.int8),
            users=np.array(
                [users.setdefault(p.user_id, len(users)) for p in prompts], dtype=np.int64
            ),
            languages=Counter(p.language for p in prompts),
            use_cases=Counter(p.use_case for p in prompts),
        )


@dataclass(frozen=True)
class Rejected:
    """Why rows were dropped, and what those that stand for them stand for."""

    #: Rows by reason and rule.
    rules: Mapping[tuple[str, str], int]
    #: (c,) for each kept prompt that stands for other rows: for how many, itself included.
    cluster_sizes: NDArray[np.int64]

    @classmethod
    def of(cls, rejects: Iterable[Reject], kept: Iterable[Prompt]) -> Self:
        """Of rejects at hand."""
        rules: Counter[tuple[str, str]] = Counter()
        stood_for: Counter[str] = Counter()
        for reject in rejects:
            rules[reject.reason, reject.rule] += 1
            if reject.reason == "duplicate":
                stood_for[reject.survivor] += 1
        sizes = [1 + stood_for[prompt.id] for prompt in kept if prompt.id in stood_for]
        return cls(rules, np.array(sizes, dtype=np.int64))


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
    number = len(kept.tokens)
    return {
        "format": FORMAT,
        "raw": raw,
        "kept": number,
        "rejected": _by_count(reasons),
        "rules": _by_count(rules),
        "clusters": len(rejected.cluster_sizes),
        "cluster_sizes": binned(_counted(rejected.cluster_sizes), _SIZE_EDGES),
        "splits": _splits(kept),
        "sources": _by_count(
            {name: int((kept.sources == at).sum()) for at, name in enumerate(SOURCES)}
        ),
        "users": len(np.unique(kept.users)),
        "pii": _pii(located),
        "canaries": {
            name: {"planted": recall.planted[name], "found": recall.found[name]}
            for name in recall.planted
        },
        "tokens": {
            "median": _quantile(kept.tokens, 0.5),
            "p95": _quantile(kept.tokens, 0.95),
            "max": _quantile(kept.tokens, 1.0),
            "bins": binned(_counted(kept.tokens), LENGTH_EDGES),
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


def _counted(values: NDArray[np.int64]) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    """Most frequent first, names in order where equal; without zeros."""
    found = {name: count for name, count in counts.items() if count}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _splits(kept: Kept) -> dict[str, Any]:
    """Prompts and users by split, and by source within it."""
    return {
        split: _people(kept, kept.splits == at)
        | {
            "sources": {
                source: _people(kept, (kept.splits == at) & (kept.sources == of))
                for of, source in enumerate(SOURCES)
            }
        }
        for at, split in enumerate(SPLITS)
    }


def _people(kept: Kept, where: NDArray[np.bool_]) -> dict[str, int]:
    return {"prompts": int(where.sum()), "users": len(np.unique(kept.users[where]))}


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


def _quantile(values: NDArray[np.int64], share: float) -> int:
    return int(np.quantile(values, share, method="nearest")) if len(values) else 0
