"""The top of the report: what was found, in one sentence and a few figures."""

from html import escape

from components.core.systems import ordered, title
from components.evaluation.results import Results, tax_taken_back

#: A figure, and what it says.
Tile = tuple[str, str]


def subject(results: Results) -> str:
    """The system that the page is about: the last of the paper's order."""
    return title(results.systems[-1]) if results.systems else "nothing"


def header(results: Results) -> str:
    """Title, lead and tiles."""
    compared = [s for s in results.systems if s in results.win_rates and s != results.baseline]
    if compared:
        lead, tiles = _preferred(results, compared[-1])
    else:
        lead, tiles = _unlabeled(results)
    boxes = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(what)}</span></div>'
        for value, what in tiles + _tax(results)
    )
    return (
        '<p class="kicker">Evaluation report</p>'
        "<h1>How well the policies follow instructions</h1>"
        f'<p class="lead">{lead}</p><div class="tiles">{boxes}</div>'
    )


def _preferred(results: Results, system: str) -> tuple[str, list[Tile]]:
    """What people said of a system."""
    rate = results.win_rates[system]
    against = title(results.baseline)
    lead = (
        f"{escape(title(system))} is preferred to {escape(against)} in <b>{rate.value:.1%}</b> of "
        f"blind comparisons ({results.confidence:.0%} interval {rate.low:.1%} to {rate.high:.1%}, "
        f"{rate.n} prompts, {results.judgments:,} judgments)."
    )
    tiles = [(f"{rate.value:.1%}", f"{title(system)} against {against}")]
    held_out = results.agreement.get("heldout") or results.agreement.get("training")
    if held_out and held_out.value == held_out.value:
        tiles.append((f"{held_out.value:.1%}", "labelers of this evaluation agree"))
    right = results.reward_agreement
    if right and right.value == right.value:
        tiles.append((f"{right.value:.1%}", "reward model agrees with them"))
    return lead, tiles


def _unlabeled(results: Results) -> tuple[str, list[Tile]]:
    """What is known before any label has come back."""
    lead = (
        "No labels have come back yet: this page holds what can be measured without people, and "
        "becomes complete when the exported tasks are labeled."
    )
    tiles = []
    for system in ordered(results.reward_gain)[-1:]:
        gain = f"{results.reward_gain[system].value:+.2f}"
        tiles.append((gain, f"reward of {title(system)} over {title(results.baseline)}"))
    courses = {**results.curves, **results.histories}
    for system in ordered(courses)[-1:]:
        kl = f"{courses[system].kl[-1]:.2f}"
        tiles.append((kl, f"nats of KL from {title(system)} to {title(results.baseline)}"))
    if "accuracy" in (rewards := results.work.get("reward_model", {})):
        what = "of held-out pairs in the right order for the reward model"
        tiles.append((f"{rewards['accuracy']:.1%}", what))
    return lead, tiles


def _tax(results: Results) -> list[Tile]:
    loss = {system: public.loss.value for system, public in results.public_tasks.items()}
    back = tax_taken_back(loss)
    if back is not None:
        added = f"{loss['ppo'] - loss['sft']:+.3f}"
        return [
            (added, "public-task loss that PPO adds to SFT"),
            (f"{back:.0%}", "of it taken back by PPO-ptx"),
        ]
    last = ordered(loss)[-1:]
    return [(f"{loss[system]:.3f}", f"public-task loss of {title(system)}") for system in last]
