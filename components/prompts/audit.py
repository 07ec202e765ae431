"""What the audit says: counts and row ids, never a value or the words around one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.core.records import Prompt, Reject, Split
from components.prompts.pii.canaries import Recall
from components.prompts.pii.redact import Finding
from components.prompts.use_case import PAPER

#: What the file is, for whoever reads it by program.
FORMAT = "instructflow/prompts-audit@1"


@dataclass(frozen=True)
class Located:
    """A finding, and the row in which it was."""

    row: str
    split: Split
    finding: Finding


def audit(
    raw: int,
    prompts: Sequence[Prompt],
    rejects: Sequence[Reject],
    located: Iterable[Located],
    recall: Recall,
    tools: Mapping[str, str],
) -> dict[str, Any]:
    """The audit as plain values. ``tools`` says what counted tokens and told languages."""
    lengths = sorted(prompt.tokens for prompt in prompts)
    cases = Counter(prompt.use_case for prompt in prompts)
    return {
        "format": FORMAT,
        "raw": raw,
        "kept": len(prompts),
        "rejected": _counted(reject.reason for reject in rejects),
        "rules": _counted(f"{reject.reason}: {reject.rule}" for reject in rejects),
        "clusters": clusters(prompts, rejects),
        "splits": _splits(prompts),
        "sources": _counted(prompt.source for prompt in prompts),
        "pii": _pii(located),
        "canaries": {
            name: {"planted": recall.planted[name], "found": recall.found[name]}
            for name in recall.planted
        },
        "tokens": {
            "median": _quantile(lengths, 0.5),
            "p95": _quantile(lengths, 0.95),
            "max": _quantile(lengths, 1.0),
        },
        "languages": _counted(prompt.language for prompt in prompts),
        "use_cases": {
            name: {
                "count": cases[name],
                "share": cases[name] / max(1, len(prompts)),
                "paper": share,
            }
            for name, share in PAPER.items()
        },
        "tools": dict(tools),
    }


def clusters(prompts: Sequence[Prompt], rejects: Sequence[Reject]) -> int:
    """How many kept prompts stand for other rows, too."""
    survivors = {reject.survivor for reject in rejects if reject.reason == "duplicate"}
    return sum(prompt.id in survivors for prompt in prompts)


def _counted(values: Iterable[str]) -> dict[str, int]:
    """Counts, most frequent first, names in order where equal."""
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _splits(prompts: Sequence[Prompt]) -> dict[str, dict[str, int]]:
    users: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for prompt in prompts:
        users[prompt.split].add(prompt.user_id)
        counts[prompt.split] += 1
    return {
        split: {"prompts": counts[split], "users": len(users[split])}
        for split in ("train", "validation", "test")
    }


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


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[round(share * (len(ordered) - 1))] if ordered else 0
