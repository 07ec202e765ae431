"""The report's tables, and the paper's figures that stand beside ours."""

from collections.abc import Sequence
from html import escape

from components.core.records import FLAGS
from components.core.systems import ordered, title
from components.evaluation.figures import colour
from components.evaluation.results import Results, tax_taken_back

NONE = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """A table of ready HTML cells; the first ``text_columns`` are set as text."""
    header = "".join(
        f"<th{' class=text' if place < text_columns else ''}>{escape(name)}</th>"
        for place, name in enumerate(head)
    )
    body = "".join(
        "<tr>"
        + "".join(
            cell
            if cell.startswith("<td")
            else f"<td{' class=text' if place < text_columns else ''}>{cell}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{header}</tr>{body}</table></div>'


def share(value: float | None) -> str:
    """A share as percent, or a dash."""
    return NONE if value is None or value != value else f"{value:.1%}"


def figure(value: float | None) -> str:
    """A number with three decimals, or a dash."""
    return NONE if value is None or value != value else f"{value:.3f}"


def name(system: str) -> str:
    """A system's name with its colour."""
    return (
        f'<span class="key"><i class="swatch {colour(system)}"></i>{escape(title(system))}</span>'
    )


def systems_table(results: Results) -> str:
    """Everything that is known of each system, a row each; columns without a value are left out."""
    columns: list[tuple[str, dict[str, str]]] = [
        ("win rate", {s: share(r.value) for s, r in results.win_rates.items()}),
        (
            "interval",
            {
                s: f"{r.low:.1%} to {r.high:.1%}" if s != results.baseline else "by definition"
                for s, r in results.win_rates.items()
            },
        ),
        ("Bradley-Terry", {s: share(v) for s, v in results.bradley_terry.items()}),
        ("Likert", {s: f"{r.value:.2f}" for s, r in results.likert.items()}),
        ("gold", {s: f"{v.value:.2f}" for s, v in results.gold.items()}),
        ("reward", {s: f"{v.value:.2f}" for s, v in results.reward.items()}),
        (
            f"reward over {title(results.baseline)}",
            {
                # Where people judged, their interval counts, and the table has to fit the page.
                s: f"{v.value:+.2f}"
                + ("" if results.win_rates else f" ({v.low:+.2f} to {v.high:+.2f})")
                for s, v in results.reward_gain.items()
            },
        ),
    ]
    used = [(head, cells) for head, cells in columns if cells]
    rows = [
        [name(system), *(cells.get(system, NONE) for _, cells in used)]
        for system in results.systems
        if any(system in cells for _, cells in used)
    ]
    return table(["system", *(head for head, _ in used)], rows) if used else ""


def head_to_head_table(results: Results) -> str:
    """How often the row's system is preferred to the column's."""
    systems = ordered(results.head_to_head)
    rows = []
    for system in systems:
        cells = [name(system)]
        for other in systems:
            value = results.head_to_head[system].get(other)
            if value is None:
                cells.append('<td class="heat" style="--p:0%">·</td>')
                continue
            tone = "--ppo_ptx" if value >= 0.5 else "--ppo"
            depth = min(70.0, abs(value - 0.5) * 140)
            style = f"--h:var({tone});--p:{depth:.0f}%"
            cells.append(f'<td class="heat" style="{style}">{value:.0%}</td>')
        rows.append(cells)
    return table(["preferred to", *(title(other) for other in systems)], rows)


def flags_table(results: Results) -> str:
    """Share of ratings in which each yes/no question was answered with yes."""
    systems = ordered(results.flags)
    rows = [
        [escape(flag.replace("_", " ")), *(share(results.flags[s][flag]) for s in systems)]
        for flag in FLAGS
        if any(results.flags[s][flag] for s in systems)
    ]
    return table(["flag", *(title(s) for s in systems)], rows) if rows else ""


def paper_rows(results: Results) -> list[tuple[str, str, str]]:
    """(what, the paper, here) for all that was measured here.

    The paper's figures: Ouyang et al. 2022, sections 3.4, 4.1 to 4.3 and appendix E. They are of
    models a million times larger on other prompts: a place to look for the same signs and order,
    not for the same numbers.
    """
    versus = results.head_to_head.get("ppo_ptx", {})
    trained = _from_work(results, "human_eval_import", "agreement")
    held_out = results.agreement.get("heldout")
    flags = results.flags
    hallucination = (
        f"{share(flags['ppo_ptx']['hallucination'])} against "
        f"{share(flags['base']['hallucination'])}"
        if {"ppo_ptx", "base"} <= flags.keys()
        else NONE
    )
    back = tax_taken_back({s: p.loss.value for s, p in results.public_tasks.items()})
    order = " < ".join(
        title(s) for s in sorted(results.win_rates, key=lambda s: results.win_rates[s].value)
    )
    rows = [
        (
            "order of preference, least first",
            "GPT-3 < GPT-3, few-shot < SFT < PPO ≈ PPO-ptx",
            escape(order) or NONE,
        ),
        ("PPO-ptx preferred to base", "85 ± 3% (175B)", share(versus.get("base"))),
        ("PPO-ptx preferred to few-shot base", "71 ± 4% (175B)", share(versus.get("prompted"))),
        ("training labelers agree", "72.6 ± 1.5%", share(trained)),
        (
            "held-out labelers agree",
            "77.3 ± 1.3%",
            share(held_out.value) if held_out is not None else NONE,
        ),
        (
            "reward model right on held-out prompts",
            "72.4 ± 0.4%",
            share(_from_work(results, "reward_model", "accuracy")),
        ),
        (
            "reward model right on held-out labelers",
            "69.6 ± 0.9%",
            share(
                _from_work(results, "reward_model", "accuracy_heldout_labelers")
                or (results.reward_agreement.value if results.reward_agreement else None)
            ),
        ),
        ("hallucination, PPO-ptx against base", "21% against 41% (closed domain)", hallucination),
        (
            "public-task loss of PPO that PPO-ptx takes back",
            "most of it",
            NONE if back is None else f"{back:.0%}",
        ),
    ]
    return [row for row in rows if row[2] != NONE]


def _from_work(results: Results, stage: str, figure: str) -> float | None:
    """A headline figure of a stage in the lineage; labels may tell its steps apart."""
    for label, figures in sorted(results.work.items()):
        if label.split(".")[0] == stage and figure in figures:
            return figures[figure]
    return None
