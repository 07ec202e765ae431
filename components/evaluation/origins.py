"""The report's section on how the policies came about: losses, counts, held-out figures."""

from collections.abc import Callable, Mapping
from html import escape

from components.core.systems import title
from components.evaluation.figures import curves
from components.evaluation.results import Results
from components.evaluation.tables import share, table

Figures = Mapping[str, float]

#: What people call the losses that are drawn, in the order of the paper's steps.
_LOSSES = {"pretraining": "Pretraining loss", "sft": "SFT loss", "reward_model": "Reward loss"}


def origins(results: Results) -> str:
    """The section; "" where nothing is known of the work behind the policies."""
    rows = [
        [escape(name), text]
        for stage, (name, tell) in _TELL.items()
        for label, figures in sorted(results.work.items())
        if label.partition(".")[0] == stage and (text := tell(label, figures))
    ]
    panels = [
        _panel(caption, label, results)
        for stage, caption in _LOSSES.items()
        for label in sorted(results.losses)
        if label.partition(".")[0] == stage and len(results.losses[label]) > 1
    ]
    if not rows and not panels:
        return ""
    figures = f'<div class="trio">{"".join(panels)}</div>' if panels else ""
    listing = f'<div class="card prose">{table(["step", ""], rows, 2)}</div>' if rows else ""
    return (
        "<h2>How they came about</h2><p>Losses on the data that each step trains on, as means over "
        f"equal shares of the training.</p>{figures}{listing}"
    )


def _panel(caption: str, label: str, results: Results) -> str:
    losses = results.losses[label]
    points = [(100 * (at + 0.5) / len(losses), loss) for at, loss in enumerate(losses)]
    system = label.partition(".")[2] or label
    drawn = curves({system: points}, "% of training", "nats", narrow=True)
    ends = f"{losses[0]:.3f} to {losses[-1]:.3f}"
    return f'<div class="card"><h3>{caption}</h3><p class="note">{ends}</p>{drawn}</div>'


def _prompts(label: str, figures: Figures) -> str:
    if not {"raw", "kept"} <= figures.keys():
        return ""
    dropped = ", ".join(
        f"{value:,.0f} {name.removeprefix('rejected.').replace('_', ' ')}"
        for name, value in sorted(figures.items())
        if name.startswith("rejected.")
    )
    told = f"{figures['kept']:,.0f} of {figures['raw']:,.0f} raw prompts kept"
    told += f"; dropped: {dropped}" if dropped else ""
    if planted := figures.get("pii_canaries_planted"):
        found = figures.get("pii_canaries_found", 0)
        told += f"; {found:,.0f} of {planted:,.0f} planted PII canaries found"
    return escape(told)


def _pretraining(label: str, figures: Figures) -> str:
    if "parameters" not in figures:
        return ""
    told = [f"{figures['parameters'] / 1e6:.2f} million parameters"]
    if "tokens_seen" in figures:
        told.append(f"{figures['tokens_seen']:,.0f} tokens read")
    if "heldout_loss" in figures:
        told.append(f"loss on held-out documents {figures['heldout_loss']:.3f}")
    return escape(", ".join(told))


def _sft(label: str, figures: Figures) -> str:
    if not {"demonstrations", "base_validation_loss", "validation_loss"} <= figures.keys():
        return ""
    return escape(
        f"{figures['demonstrations']:,.0f} demonstrations; loss on "
        f"{figures.get('validation_demonstrations', 0):,.0f} held-out ones "
        f"{figures['base_validation_loss']:.3f} before, {figures['validation_loss']:.3f} after "
        f"(epoch {figures.get('best_epoch', 0):.0f} kept)"
    )


def _reward_model(label: str, figures: Figures) -> str:
    if "rankings" not in figures:
        return ""
    told = f"{figures['rankings']:,.0f} rankings of {figures.get('outputs', 0):,.0f} outputs"
    if "accuracy" in figures:
        told += f"; right on {share(figures['accuracy'])} of held-out pairs"
        if {"accuracy_low", "accuracy_high", "accuracy_pairs"} <= figures.keys():
            told += (
                f" (95% interval {share(figures['accuracy_low'])} to "
                f"{share(figures['accuracy_high'])}; {figures['accuracy_pairs']:,.0f} pairs of "
                f"{figures.get('accuracy_prompts', 0):,.0f} prompts)"
            )
    return escape(told)


def _ppo(label: str, figures: Figures) -> str:
    if not {"iterations", "updates"} <= figures.keys():
        return ""
    told = f"{title(label.partition('.')[2] or label)}: {figures['iterations']:,.0f} iterations"
    told += f", {figures['updates']:,.0f} updates, {figures.get('prompts', 0):,.0f} prompts"
    if {"reward", "kl"} <= figures.keys():
        told += f"; in the end reward {figures['reward']:+.2f}, KL {figures['kl']:.2f} nats"
    return escape(told)


#: Stage -> (what people call it, how its figures are told), in the order of the paper's steps.
_TELL: dict[str, tuple[str, Callable[[str, Figures], str]]] = {
    "prompts": ("prompts", _prompts),
    "pretraining": ("base model", _pretraining),
    "sft": ("SFT", _sft),
    "reward_model": ("reward model", _reward_model),
    "ppo": ("policy", _ppo),
}
