"""What a person sees when a run has ended: tables of its summary, the paper's figures beside."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

#: The paper's figures that stand beside ours: agreement of labelers and of the reward model with
#: them (sections 3.4 and 4.1).
PAPER = {
    "agreement": "0.726 ± 0.015",
    "agreement_heldout": "0.773 ± 0.013",
    "accuracy": "0.724 ± 0.004",
    "accuracy_heldout_labelers": "0.696 ± 0.009",
}
_AGREEMENT = (
    ("training labelers agree with one another", "labelers", "agreement"),
    ("held-out labelers agree with one another", "labelers", "agreement_heldout"),
    ("reward model, held-out prompts", "reward_model", "accuracy"),
    ("reward model, held-out labelers", "reward_model", "accuracy_heldout_labelers"),
)
_LOSSES = {
    "pretraining": "pretraining",
    "sft": "SFT",
    "sft_validation": "SFT on held-out demonstrations",
}


def show(summary: Mapping[str, Any], console: Console) -> None:
    """Print the tables and lines at the end of a run; what was not measured is left out."""
    for table in (_preference(summary), _unlabeled(summary), _agreement(summary)):
        if table is not None:
            console.print(table)
    for line in (*_training(summary), *_places(summary)):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _preference(summary: Mapping[str, Any]) -> Table | None:
    """The systems as people saw them."""
    if not summary["win_rates"]:
        return None
    table = _table(
        "Win rate against SFT, judged blind by held-out labelers",
        ("system", "win rate", "95% interval", "gold", "public loss", "public acc."),
        "paper (figure 1): GPT-3 < GPT-3 with a prefix < SFT < PPO and PPO-ptx, "
        "which are about equal",
    )
    for system, rate in summary["win_rates"].items():
        public = summary["public_tasks"].get(system, {})
        table.add_row(
            system,
            figure(rate["win_rate"]),
            _interval(rate["ci_low"], rate["ci_high"]),
            figure(summary["gold"].get(system)),
            figure(public.get("loss")),
            figure(public.get("accuracy")),
        )
    return table


def _unlabeled(summary: Mapping[str, Any]) -> Table | None:
    """The systems before any label has come back."""
    public, reward = summary["public_tasks"], summary.get("reward", {})
    if summary["win_rates"] or not (public or reward):
        return None
    table = _table(
        "The systems, without labels yet",
        ("system", "reward", "gain over SFT (95%)", "public loss", "public acc."),
        "reward: the reward model's mean score, demonstrations score 0",
    )
    for system in dict.fromkeys([*public, *reward]):
        gain = summary.get("reward_gain", {}).get(system)
        measured = public.get(system, {})
        table.add_row(
            system,
            figure(reward.get(system)),
            "{gain:+.2f} ({ci_low:+.2f} to {ci_high:+.2f})".format(**gain) if gain else "-",
            figure(measured.get("loss")),
            figure(measured.get("accuracy")),
        )
    return table


def _agreement(summary: Mapping[str, Any]) -> Table | None:
    """Labelers and reward model, with the paper's figures."""
    rows = []
    for label, section, key in _AGREEMENT:
        value = summary[section].get(key)
        if value is not None:
            rows.append((label, figure(value), PAPER[key]))
        rewards = summary["reward_model"]
        if value is not None and key == "accuracy" and "accuracy_low" in rewards:
            low, high = rewards["accuracy_low"], rewards["accuracy_high"]
            rows.append(("  95% interval", _interval(low, high), ""))
            counts = f"{rewards['accuracy_pairs']:,.0f} of {rewards['accuracy_prompts']:,.0f}"
            rows.append(("  pairs of outputs, of prompts", counts, ""))
    if not rows:
        return None
    table = _table("Labelers and reward model", ("figure", "here", "paper"))
    for row in rows:
        table.add_row(*row)
    return table


def _training(summary: Mapping[str, Any]) -> list[str]:
    """Losses, the policies' course, and the counts of prompts and tasks, drift."""
    losses = summary.get("losses", {})
    fell = [
        f"{label} {losses[name][0]:.3f} to {losses[name][-1]:.3f}"
        for name, label in _LOSSES.items()
        if losses.get(name)
    ]
    lines = [f"losses:  {', '.join(fell)} (nats per token)"] if fell else []
    for system, course in summary["ppo"].items():
        if course["reward"]:
            reward, kl = course["reward"], course["kl"]
            lines.append(
                f"{system + ':':<8} reward {reward[0]:+.3f} to {reward[-1]:+.3f}, KL to SFT "
                f"{kl[-1]:.2f} nats at the end, {max(kl):.2f} at most"
            )
    prompts = summary["prompts"]
    dropped = ", ".join(f"{reason} {count}" for reason, count in prompts["rejected"].items())
    canaries = prompts["pii_canaries"]
    lines.append(
        f"prompts: {prompts['raw']} in, {prompts['kept']} kept; dropped: {dropped or 'none'}; "
        f"PII canaries {canaries['found']} of {canaries['planted']} found"
    )
    if drift := summary.get("drift"):
        lines.append(f"drift:   {drift['told']}")
    if "tasks_exported" in summary:
        lines.append(f"tasks:   {summary['tasks_exported']} exported for labelers")
    return lines


def _places(summary: Mapping[str, Any]) -> list[str]:
    """Where the rest is."""
    run = summary["mlflow_run_id"] or "not recorded"
    funnel = [f"prompts: {summary['prompts_file']}"] if "prompts_file" in summary else []
    return [
        f"time:    {summary['seconds']['total']:.0f} s",
        *funnel,
        f"report:  {summary['report_file']}",
        f"summary: {summary['summary_file']}",
        f"MLflow:  make ui (or instructflow ui), run {run}",
    ]


def figure(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def _interval(low: float, high: float) -> str:
    return f"{low:.3f} to {high:.3f}"


def _table(title: str, columns: Sequence[str], caption: str | None = None) -> Table:
    table = Table(title=title, caption=caption)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table
