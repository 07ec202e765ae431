"""The page that people see for this step, made from the audit: numbers, and never a prompt's text.

Every bar stands beside its number in a table, so a screen reader misses nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from components.prompts.report import drift_view
from components.prompts.report.audit import SOURCES, SPLITS
from components.prompts.report.headline import distance
from components.prompts.report.page_style import CSS

#: What a reject's reason means, for people, in the order of the steps.
_REASONS = {
    "malformed": "Malformed: no user, no text, wrong last turn",
    "duplicate_id": "Id already seen",
    "too_long": "Longer than the limit",
    "pii": "PII that the policy drops",
    "language": "Not in a wanted language",
    "earlier_round": "Used in an earlier round",
    "duplicate": "Duplicate or near-duplicate",
    "user_cap": "Over the user's cap",
}
_SOURCES = {"api": "customers", "labeler": "labelers"}
#: Rows of tables that could get long.
_SHOWN = 12


def page(audit: Mapping[str, Any]) -> str:
    """A self-contained HTML page of an audit."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Prompt preparation</title><style>{CSS}</style></head><body><main>"
        f"{_head(audit)}"
        f"{_section(_funnel(audit))}"
        f'<div class="pair">{_section(_clusters(audit))}{_section(_rules(audit))}</div>'
        f"{_section(_pii(audit))}"
        f"{_section(_use_cases(audit))}"
        f'<div class="pair">{_section(_languages(audit))}{_section(_tokens(audit))}</div>'
        f"{_section(_splits(audit))}"
        f"{_section(drift_view.section(audit))}"
        f"<footer>{_tools(audit)}</footer></main></body></html>"
    )


def _head(audit: Mapping[str, Any]) -> str:
    raw, kept = audit["raw"], audit["kept"]
    planted, found = _canaries(audit)
    told = [
        f"{audit['clusters']:,} of them stand for duplicates, too.",
        f"They come from {audit['users']:,} users, none of whom is in two splits.",
    ]
    canaries = f"{found:,} of {planted:,} planted PII values were found."
    told.append(canaries if found == planted else f'<span class="alarm">{canaries}</span>')
    return (
        f'<p class="kicker">Prompt preparation</p><h1>{kept:,} of {raw:,} prompts kept</h1>'
        f'<p class="lead">{" ".join(told)}</p>'
    )


def _funnel(audit: Mapping[str, Any]) -> str:
    """From raw to kept: each step's loss stands where what is left ends."""
    raw, rejected = max(1, audit["raw"]), audit["rejected"]
    reasons = [name for name in _REASONS if name in rejected]
    reasons += [name for name in rejected if name not in _REASONS]
    rows = [_funnel_row("Raw", audit["raw"], raw, "whole", 0.0)]
    left = audit["raw"]
    for reason in reasons:
        left -= rejected[reason]
        name = _REASONS.get(reason, reason)
        rows.append(_funnel_row(name, rejected[reason], raw, "lost", left / raw))
    rows.append(_funnel_row("Kept", audit["kept"], raw, "whole", 0.0))
    return "<h2>From raw to kept</h2>" + _table(("Step", "Prompts", "Of raw", ""), rows)


def _funnel_row(name: str, count: int, raw: int, kind: str, start: float) -> str:
    sign = "−" if kind == "lost" else ""
    bar = _bar(count / raw, "lost" if kind == "lost" else "", start)
    return _row(name, [f"{sign}{count:,}", f"{count / raw:.1%}"], bar, kind)


def _clusters(audit: Mapping[str, Any]) -> str:
    sizes = {name: n for name, n in audit["cluster_sizes"].items() if n}
    most = max(sizes.values(), default=1)
    rows = [
        _row("2" if name == "<3" else name.replace("-", " to "), [f"{n:,}"], _bar(n / most))
        for name, n in sizes.items()
    ]
    if not rows:
        return f"<h2>Clusters of duplicates</h2><p>None.</p>{_compared(audit)}"
    caption = "A cluster's longest prompt stays, of equal ones the earliest."
    head = ("Prompts in it", "Clusters", "")
    title = f"<h2>Clusters of duplicates: {audit['clusters']:,}</h2>"
    return title + _table(head, rows, caption) + _compared(audit)


def _compared(audit: Mapping[str, Any]) -> str:
    """What the other rule would have dropped, where both were tried."""
    if not (compared := audit.get("compared")):
        return ""
    return (
        f'<p class="note">Near-duplicates by verified MinHash: {compared["minhash"]:,}; by the '
        f"paper's rule of long common prefixes: {compared['prefix']:,}; by both: "
        f"{compared['both']:,}.</p>"
    )


def _rules(audit: Mapping[str, Any]) -> str:
    rows = [_row(rule, [f"{count:,}"]) for rule, count in _most(audit["rules"], "other rules")]
    title = "<h2>Rules that dropped prompts</h2>"
    return title + (_table(("Rule", "Prompts"), rows) if rows else "<p>None.</p>")


def _pii(audit: Mapping[str, Any]) -> str:
    values: Counter[tuple[str, str, str]] = Counter()
    prompts: dict[tuple[str, str], set[str]] = {}
    for found in audit["pii"]:
        entity, action = found["entity"], found["action"]
        values[entity, action, found["split"]] += found["values"]
        prompts.setdefault((entity, action), set()).update(found["rows"])
    rows = []
    for (entity, action), ids in prompts.items():
        counts = [values[entity, action, split] for split in SPLITS]
        cells = [action, *(f"{n:,}" for n in counts), f"{sum(counts):,}", f"{len(ids):,}"]
        rows.append(_row(entity, cells))
    head = ("Type", "Action", *SPLITS, "Values", "Prompts")
    table = _table(head, rows) if rows else "<p>None was found.</p>"
    return f"<h2>PII by type</h2>{table}{_canary_note(audit)}"


def _canary_note(audit: Mapping[str, Any]) -> str:
    planted, found = _canaries(audit)
    types = len(audit["canaries"])
    note = (
        f"Made-up values of {types:,} types were planted among the prompts and taken out again: "
        f"{found:,} of {planted:,} were found."
    )
    missed = [
        f"{name} {one['found']} of {one['planted']}"
        for name, one in audit["canaries"].items()
        if one["found"] < one["planted"]
    ]
    alarm = f' <span class="alarm">Missed some: {escape(", ".join(missed))}.</span>'
    return f'<p class="note">{note}{alarm if missed else ""}</p>'


def _canaries(audit: Mapping[str, Any]) -> tuple[int, int]:
    ones = audit["canaries"].values()
    return sum(one["planted"] for one in ones), sum(one["found"] for one in ones)


def _use_cases(audit: Mapping[str, Any]) -> str:
    cases = audit["use_cases"]
    scale = max((max(case["share"], case["paper"]) for case in cases.values()), default=1) or 1
    rows = [
        _row(
            name.replace("_", " "),
            [f"{case['share']:.1%}", f"{case['paper']:.1%}"],
            _bar(case["share"] / scale) + _bar(case["paper"] / scale, "paper"),
            "two",
        )
        for name, case in cases.items()
    ]
    key = (
        '<p><span class="key"><span class="bar"></span>here</span><span class="key">'
        '<span class="bar paper"></span>Ouyang et al. 2022, table 1</span></p>'
    )
    caption = (
        f"Told by a model of words that is right for three prompts in four. {distance(audit):.0%} "
        "of the prompts would have to change their use case to have the paper's shares."
    )
    head = ("Use case", "Here", "Paper", "")
    return "<h2>Use cases, beside the paper's</h2>" + key + _table(head, rows, caption)


def _languages(audit: Mapping[str, Any]) -> str:
    kept = max(1, audit["kept"])
    rows = [
        _row("not clear" if name == "und" else name, [f"{n:,}", f"{n / kept:.1%}"], _bar(n / kept))
        for name, n in _most(audit["languages"], "others")
    ]
    return "<h2>Languages</h2>" + _table(("Code", "Prompts", "Share", ""), rows)


def _tokens(audit: Mapping[str, Any]) -> str:
    tokens = audit["tokens"]
    most = max(tokens["bins"].values(), default=1) or 1
    rows = [
        _row(name.replace("-", " to "), [f"{n:,}"], _bar(n / most))
        for name, n in tokens["bins"].items()
    ]
    caption = (
        f"Median {tokens['median']:,}, 95% at most {tokens['p95']:,}, longest {tokens['max']:,}; "
        f"counted by {audit['tools']['tokens']}."
    )
    return "<h2>Length</h2>" + _table(("Tokens", "Prompts", ""), rows, caption)


def _splits(audit: Mapping[str, Any]) -> str:
    kept = max(1, audit["kept"])
    rows = []
    for split, part in audit["splits"].items():
        cells = [f"{part['prompts']:,}", f"{part['prompts'] / kept:.1%}", f"{part['users']:,}"]
        for source in SOURCES:
            of = part["sources"][source]
            cells += [f"{of['prompts']:,}", f"{of['users']:,}"]
        rows.append(_row(split, cells))
    head = ["Split", "Prompts", "Share", "Users"]
    for source in SOURCES:
        head += [f"Prompts of {_SOURCES[source]}", _SOURCES[source].capitalize()]
    caption = (
        "By keyed hash of the user or of the labeler's group: while key, shares and groups stay, "
        "nobody moves."
    )
    return "<h2>Splits</h2>" + _table(head, rows, caption)


def _tools(audit: Mapping[str, Any]) -> str:
    tools = ", ".join(f"{name}: {tool}" for name, tool in audit["tools"].items())
    return f"<p>{escape(audit['format'])}. {escape(tools)}.</p>"


def _most(counts: Mapping[str, int], rest: str) -> list[tuple[str, int]]:
    """The most frequent, and how many all others are together."""
    items = list(counts.items())
    shown, others = items[:_SHOWN], items[_SHOWN:]
    return [*shown, (f"{len(others)} {rest}", sum(n for _, n in others))] if others else shown


def _section(body: str) -> str:
    return f"<section>{body}</section>"


def _row(name: str, cells: Sequence[str], bars: str | None = None, kind: str = "") -> str:
    """A table's row: what it is about, its cells, and bars that say no more than they do."""
    numbers = "".join(
        f"<td{'' if cell.isalpha() else ' class=n'}>{escape(cell)}</td>" for cell in cells
    )
    drawn = "" if bars is None else f'<td class="bars" aria-hidden="true">{bars}</td>'
    return f'<tr class="{kind}"><th scope="row">{escape(name)}</th>{numbers}{drawn}</tr>'


def _table(head: Sequence[str], rows: Iterable[str], caption: str = "") -> str:
    titles = "".join(
        f'<th scope="col"{" class=n" if at and name != "Action" else ""}>{escape(name)}</th>'
        if name
        else "<td></td>"
        for at, name in enumerate(head)
    )
    under = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{under}<thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _bar(share: float, kind: str = "", start: float = 0.0) -> str:
    """A bar of a share of the width, behind a share of it that is left free."""
    if not share:
        return ""
    width, before = (min(1.0, max(0.0, part)) for part in (share, start))
    indent = f";margin-left:{before:.2%}" if before else ""
    return f'<span class="bar {kind}" style="width:{width:.2%}{indent}"></span>'
