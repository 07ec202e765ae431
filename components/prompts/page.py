"""The page that people see for this step: a funnel, clusters, PII by type, use cases. No text."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

#: What a reject's reason means, for people.
_REASONS = {
    "malformed": "Malformed: no user, no text, wrong last turn",
    "duplicate_id": "Id already seen",
    "too_long": "Longer than the limit",
    "pii": "Holds PII that the policy drops",
    "duplicate": "Duplicate or near-duplicate",
    "user_cap": "Over the user's cap",
}
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p{margin:.2rem 0;color:#57606a}table{border-collapse:collapse;width:100%}
th,td{padding:.3rem .8rem .3rem 0;border-bottom:1px solid #dde1e6;text-align:left}
th{color:#57606a;font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.bar{display:block;height:1rem;border-radius:2px;background:#2f6fdf;min-width:1px}
.lost .bar{background:#c9d1d9}.two .bar{height:.5rem;margin:.1rem 0}
.two .paper{background:#c9d1d9}
.columns{display:grid;grid-template-columns:1fr 1fr;gap:0 3rem}
@media(max-width:50rem){.columns{grid-template-columns:1fr}}
"""


def page(audit: Mapping[str, Any]) -> str:
    """A self-contained HTML page of an audit."""
    raw, kept = audit["raw"], audit["kept"]
    lead = f"{kept:,} of {raw:,} prompts kept; {audit['clusters']:,} of them stand for duplicates."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Prompt preparation'
        f"</title><style>{_STYLE}</style></head><body><h1>Prompt preparation</h1>"
        f"<p>{escape(lead)}</p>{_funnel(audit)}"
        f'<div class="columns"><div>{_splits(audit)}</div><div>{_lengths(audit)}</div></div>'
        f"{_pii(audit)}{_canaries(audit)}{_use_cases(audit)}"
        f'<div class="columns"><div>{_counts("Languages", audit["languages"])}</div>'
        f"<div>{_counts('Rules that dropped rows', audit['rules'])}</div></div></body></html>"
    )


def _funnel(audit: Mapping[str, Any]) -> str:
    raw = max(1, audit["raw"])
    rows = [("Raw", audit["raw"], "")]
    rows += [(_REASONS.get(k, k), n, "lost") for k, n in audit["rejected"].items()]
    rows.append(("Kept", audit["kept"], ""))
    cells = "".join(
        f'<tr class="{kind}"><td>{escape(name)}</td>'
        f'<td class="n">{"−" if kind else ""}{count:,}</td>'
        f'<td class="n">{count / raw:.1%}</td><td style="width:45%">{_bar(count / raw)}</td></tr>'
        for name, count, kind in rows
    )
    return f"<h2>From raw to kept</h2><table>{cells}</table>"


def _splits(audit: Mapping[str, Any]) -> str:
    kept = max(1, audit["kept"])
    rows = [
        (split, f"{part['prompts']:,}", f"{part['prompts'] / kept:.1%}", f"{part['users']:,}")
        for split, part in audit["splits"].items()
    ]
    return "<h2>Splits, by user</h2>" + _table(("Split", "Prompts", "Share", "Users"), rows)


def _lengths(audit: Mapping[str, Any]) -> str:
    rows = [(name, f"{value:,}") for name, value in audit["tokens"].items()]
    note = f"<p>Counted by {escape(audit['tools']['tokens'])}.</p>"
    return "<h2>Tokens</h2>" + _table(("Kept prompts", "Tokens"), rows) + note


def _pii(audit: Mapping[str, Any]) -> str:
    if not audit["pii"]:
        return "<h2>PII</h2><p>None was found.</p>"
    rows = [
        (p["entity"], p["rule"], p["action"], p["split"], f"{p['values']:,}", f"{len(p['rows']):,}")
        for p in audit["pii"]
    ]
    head = ("Entity", "Rule", "Action", "Split", "Values", "Prompts")
    return "<h2>PII by type and action</h2>" + _table(head, rows, numbers=2)


def _canaries(audit: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{c['planted']:,}", f"{c['found']:,}" + (" missed some" if c["found"] < c["planted"]
                                                       else ""))
        for name, c in audit["canaries"].items()
    ]  # fmt: skip
    note = "<p>Made-up values that were planted among the prompts and taken out again.</p>"
    return "<h2>Canaries</h2>" + note + _table(("Entity", "Planted", "Found"), rows)


def _use_cases(audit: Mapping[str, Any]) -> str:
    cells = "".join(
        f'<tr class="two"><td>{escape(name.replace("_", " "))}</td>'
        f'<td class="n">{case["share"]:.1%}</td><td class="n">{case["paper"]:.1%}</td>'
        f'<td style="width:50%">{_bar(case["share"])}'
        f"{_bar(case['paper'], 'paper')}</td></tr>"
        for name, case in audit["use_cases"].items()
    )
    head = '<tr><th>Use case</th><th class="n">Here</th><th class="n">Paper</th><th></th></tr>'
    return f"<h2>Use cases, beside the paper's table 1</h2><table>{head}{cells}</table>"


def _counts(title: str, counts: Mapping[str, int]) -> str:
    rows = [(name, f"{count:,}") for name, count in list(counts.items())[:20]]
    return f"<h2>{escape(title)}</h2>" + (_table(("", "Prompts"), rows) if rows else "<p>None.</p>")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """A table of which the last ``numbers`` columns, or all but the first, hold numbers."""
    first = len(head) - numbers if numbers else 1

    def line(cells: Sequence[str], tag: str) -> str:
        number = ' class="n"'
        return "".join(
            f"<{tag}{number if at >= first else ''}>{escape(cell)}</{tag}>"
            for at, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{line(head, 'th')}</tr>{body}</table>"


def _bar(share: float, kind: str = "") -> str:
    return f'<span class="bar {kind}" style="width:{min(1.0, share):.2%}"></span>'
