"""The report: one self-contained HTML page (styles and figures inline, nothing from outside)."""

from collections.abc import Sequence
from html import escape

from components.core.systems import ordered, title
from components.evaluation.curves import Curve
from components.evaluation.figures import bars, colour, curves, legend, preference
from components.evaluation.header import header, subject
from components.evaluation.lineage_figure import lineage_figure
from components.evaluation.origins import origins
from components.evaluation.page_style import CSS
from components.evaluation.results import Results, tax_taken_back
from components.evaluation.side_by_side import samples
from components.evaluation.tables import (
    flags_table,
    head_to_head_table,
    paper_rows,
    systems_table,
    table,
)


def render(results: Results, *, examples: int, seed: int) -> str:
    """The whole page; a section without anything measured is left out."""
    sections = [
        header(results),
        _preference(results),
        _tax(results),
        _optimisation(results),
        origins(results),
        _paper(results),
        samples(results, examples, seed),
        _lineage(results),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Evaluation of {escape(subject(results))}</title><style>{CSS}</style></head>"
        f"<body><main>{''.join(sections)}"
        "<footer>Made by instructflow from published data only: the same inputs give the same "
        "page.</footer></main></body></html>\n"
    )


def _preference(results: Results) -> str:
    if not results.systems:
        return ""
    parts = []
    if results.win_rates:
        figure = preference(results.win_rates, results.baseline)
        parts.append(
            "<h2>Human preference</h2><p>Each labeler saw one output of every system to the same "
            "prompt, under opaque ids in random order, and ranked them. Whiskers are "
            f"{results.confidence:.0%} intervals by bootstrap over prompts. This is "
            "figure 1 of the paper.</p>"
            f'<div class="card scroll wide">{figure}</div>'
        )
    overview = systems_table(results)
    if overview:
        heading = "" if results.win_rates else "<h2>The systems</h2>"
        parts.append(f'{heading}<div class="card">{overview}{_columns_note(results)}</div>')
    if len(results.head_to_head) > 2:
        parts.append(
            '<div class="card"><h3>Every pair</h3><p class="note">How often the row is preferred '
            f"to the column.</p>{head_to_head_table(results)}</div>"
        )
    flags = flags_table(results) if results.flags else ""
    if flags:
        parts.append(
            '<div class="card"><h3>Flags</h3><p class="note">Share of ratings in which labelers '
            f"ticked the paper's yes/no questions.</p>{flags}</div>"
        )
    return "".join(parts)


def _columns_note(results: Results) -> str:
    notes = []
    if results.bradley_terry:
        notes.append(
            f"Bradley-Terry: chance to beat {title(results.baseline)} under a model of all pairs."
        )
    if results.gold:
        notes.append("Gold: the made-up world's own score, which no stage was given.")
    if results.reward:
        notes.append(
            "Likert: 1 to 7. Reward: the reward model's mean score; demonstrations score 0. Beside "
            "it the gain on the same prompts"
            + ("." if results.win_rates else f", with its {results.confidence:.0%} interval.")
        )
    return f'<p class="note">{escape(" ".join(notes))}</p>' if notes else ""


def _tax(results: Results) -> str:
    if not results.public_tasks:
        return ""
    public = results.public_tasks
    loss = bars(
        {s: p.loss for s, p in public.items()}, "Loss on held-out documents", from_zero=False
    )
    figures = [_figure("Loss, nats per token (less is better)", loss)]
    answered = {s: p.accuracy for s, p in public.items() if p.accuracy.n}
    if answered:
        right = bars(answered, "Cloze accuracy", from_zero=True)
        figures.append(_figure("Cloze, share right (more is better)", right))
    rows = [
        [
            f'<span class="key"><i class="swatch {colour(s)}"></i>{escape(title(s))}</span>',
            f"{public[s].loss.value:.3f}",
            f"{public[s].loss.low:.3f} to {public[s].loss.high:.3f}",
            f"{public[s].bits_per_byte:.3f}",
            f"{public[s].accuracy.value:.1%}" if public[s].accuracy.n else "–",
        ]
        for s in ordered(public)
    ]
    listing = table(["policy", "loss", "interval", "bits per byte", "cloze"], rows)
    back = tax_taken_back({s: p.loss.value for s, p in public.items()})
    said = (
        f" PPO raises the loss by {public['ppo'].loss.value - public['sft'].loss.value:.3f} over "
        f"SFT; mixing pretraining gradients in takes back {back:.0%} of that."
        if back is not None
        else ""
    )
    documents = max(p.loss.n for p in public.values())
    return (
        "<h2>Alignment tax</h2><p>What a policy still knows of documents that no stage trained on "
        f"({documents} of them).{said} The cloze asks which "
        "of several words ends a document. The axis of the loss does not start at zero.</p>"
        f'<div class="pair">{"".join(figures)}</div><div class="card">{listing}</div>'
    )


def _optimisation(results: Results) -> str:
    courses = {**results.histories, **results.curves}
    if not courses:
        return ""
    longer = {**results.curves, **results.histories}
    gold = {s: _points(c, c.gold) for s, c in courses.items() if c.gold}
    panels = [
        (
            "Reward over KL to SFT",
            {s: _points(c, c.reward) for s, c in courses.items()},
            ("KL, nats", "reward"),
        ),
        ("Gold over KL to SFT", gold, ("KL, nats", "gold")),
        (
            "KL over training",
            {s: _over_time(c, c.kl) for s, c in longer.items()},
            ("iteration", "KL, nats"),
        ),
        (
            "Reward over training",
            {s: _over_time(c, c.reward) for s, c in longer.items()},
            ("iteration", "reward"),
        ),
    ]
    drawn = [(caption, series, axes) for caption, series, axes in panels if series]
    narrow = len(drawn) % 2 == 1
    figures = [
        _figure(caption, curves(series, *axes, narrow=narrow)) for caption, series, axes in drawn
    ]
    said = (
        "Where the reward goes on rising while gold falls, the policy exploits the reward model."
        if gold
        else "There is no gold score here, as in the real world: watch that KL stays bounded. Over "
        "KL stand the averaged policy's answers to fixed prompts, over training its own rollouts."
    )
    width = "trio" if narrow else "pair"
    return (
        f"<h2>Optimisation against the reward model</h2><p>{said}</p>"
        f'{legend(ordered(courses))}<div class="{width}">{"".join(figures)}</div>'
    )


def _over_time(curve: Curve, values: Sequence[float]) -> list[tuple[float, float]]:
    return list(zip(map(float, curve.iteration), values, strict=True))


def _points(curve: Curve, values: Sequence[float]) -> list[tuple[float, float]]:
    return list(zip(curve.kl, values, strict=True))


def _figure(caption: str, drawing: str) -> str:
    return f'<div class="card"><h3>{escape(caption)}</h3>{drawing}</div>'


def _paper(results: Results) -> str:
    rows = [[what, theirs, ours] for what, theirs, ours in paper_rows(results)]
    if not rows:
        return ""
    return (
        "<h2>Beside the paper</h2><p>The paper's models are larger by orders of magnitude and its "
        "prompts are other ones: compare order and signs, not numbers.</p>"
        f'<div class="card">{table(["", "paper", "here"], rows, text_columns=3)}</div>'
    )


def _lineage(results: Results) -> str:
    nodes = results.lineage
    if not nodes:
        return ""
    rows = [
        [
            escape(node.kind.replace("_", " ")),
            escape(node.name),
            f"<code>{escape(node.reference.rpartition('#sha256=')[2][:16])}</code>",
            f"{node.rows:,}" if node.kind == "dataset" else "",
            f"{node.size / 1e6:.2f}",
            escape(node.stage or "outside"),
            f"<code>{escape(node.code_version)}</code>",
        ]
        for node in sorted(nodes, key=lambda n: (n.kind, n.name, n.reference))
    ]
    head = ["kind", "name", "digest", "rows", "MB", "made by", "code"]
    return (
        "<h2>Lineage</h2><p>Everything on this page was made from these published things, "
        "oldest first. A line that other lines imply is left out.</p>"
        f'<div class="card scroll">{lineage_figure(nodes)}</div>'
        f'<details><summary>All {len(nodes)} as a table</summary><div class="card">'
        f"{table(head, rows)}</div></details>"
    )
