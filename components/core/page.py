"""The small page that people see for a training step: its headline figures."""

import html
from collections.abc import Mapping


def figures_page(title: str, figures: Mapping[str, float], note: str = "") -> str:
    """One self-contained HTML page: a title, a note, and a row a figure with five digits."""
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{value:,.5g}</td></tr>"
        for name, value in figures.items()
    )
    told = f"<p>{html.escape(note)}</p>" if note else ""
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
        "<style>body{font:15px system-ui;margin:2em}th{text-align:left;padding-right:2em}</style>"
        f"<h1>{name}</h1>{told}<table>{rows}</table></html>"
    )
