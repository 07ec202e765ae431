"""The small page that people see for an export or import step: counts, never text of prompts."""

from collections.abc import Mapping
from html import escape

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1f24}table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "td,th{padding:.3rem .9rem .3rem 0;border-bottom:1px solid #dde1e6;text-align:left}"
    "td:last-child{text-align:right;font-variant-numeric:tabular-nums}"
)


def counts_page(title: str, summary: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """A self-contained HTML page with one table of counts or shares for each group."""
    tables = []
    for heading, counts in groups.items():
        rows = "".join(
            f"<tr><td>{escape(str(name))}</td><td>{_number(value)}</td></tr>"
            for name, value in counts.items()
        )
        body = f"<table>{rows}</table>" if rows else "<p>None.</p>"
        tables.append(f"<h2>{escape(heading)}</h2>{body}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1><p>{escape(summary)}</p>{''.join(tables)}</body></html>"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3f}"
