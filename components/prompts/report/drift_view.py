"""Drift as people see it: a line for logs, and on the page each figure's index and its shares."""

from collections.abc import Mapping
from html import escape
from typing import Any

#: Bins of one figure that are shown, those that moved most.
SHOWN = 4
_WORDS = {"stable": "stable", "warn": "drifted", "stop": "drifted, beyond stop"}
_TITLES = {
    "length": "Length in tokens",
    "language": "Language",
    "use_case": "Use case",
    "duplicates": "Share of duplicates",
    "users": "Prompts per user",
    "new_users": "Users whom the round before had not",
}


def line(drift: Mapping[str, Any]) -> str:
    """One line for logs and the console on an audit's ``drift``: what drifted, beyond what."""
    parts = []
    for level in ("stop", "warn"):
        over = [figure for figure in drift["figures"] if figure["level"] == level]
        over.sort(key=lambda figure: -figure["psi"])
        told = ", ".join(f"{f['name']} {f['psi']:.2f} ({_moved(f, 1, '->')})" for f in over)
        if told:
            parts.append(f"beyond {level} ({drift[level]:g}): {told}")
    found = "; ".join(parts) or f"none beyond warn ({drift['warn']:g}) and chance"
    return f"{found}; population stability index against the last round"


def section(audit: Mapping[str, Any]) -> str:
    """HTML of an audit's drift; says so where there was nothing to compare with."""
    drift = audit.get("drift")
    if not drift:
        return "<h2>Drift since the last round</h2><p>No audit of a last round was given.</p>"
    rows = "".join(_row(figure) for figure in drift["figures"])
    share = drift["new_users_share"]
    users = "" if share is None else f" {share:.0%} of the users are new."
    lead = (
        f"Population stability index of each distribution: reported from {drift['warn']:g} on, "
        f"{'stops the round' if drift['action'] == 'stop' else 'marked'} from {drift['stop']:g} "
        f"on, where it is beyond what chance gives once in a thousand comparisons.{users}"
    )
    head = (
        '<tr><th>Figure</th><th class="n">Index</th><th class="n">By chance</th><th></th>'
        "<th>What moved most</th></tr>"
    )
    return f"<h2>Drift since the last round</h2><p>{escape(lead)}</p><table>{head}{rows}</table>"


def _row(figure: Mapping[str, Any]) -> str:
    shares = _moved(figure, SHOWN, "→")
    word = _WORDS[figure["level"]]
    if figure["level"] != "stable":
        word = f"<b>{word}</b>"
    chance = figure["chance"]
    limit = "too few rows" if chance is None else f"{chance:.3f}"
    return (
        f"<tr><td>{escape(_TITLES.get(figure['name'], figure['name']))}</td>"
        f'<td class="n">{figure["psi"]:.3f}</td><td class="n">{limit}</td><td>{word}</td>'
        f"<td>{escape(shares)}</td></tr>"
    )


def _moved(figure: Mapping[str, Any], most: int, arrow: str) -> str:
    """The bins whose shares changed most, with both."""
    before, now = figure["before"], figure["now"]
    moved = sorted(now, key=lambda name: -abs(now[name] - before[name]))[:most]
    return ", ".join(f"{name} {before[name]:.0%} {arrow} {now[name]:.0%}" for name in moved)
