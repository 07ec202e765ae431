"""The summary of a finished run: ``summary.json`` for machines, a table for people.

All figures are found by lineage from the run's report (``components.core.work``), so that steps
that came from the cache count like those that ran. The schema is documented in the README.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from components.core import work
from components.core.dataset import download_folder
from components.core.storage import Storage
from pipelines.config import PipelineConfig
from pipelines.runs import Run

#: The paper's figures that stand beside ours: agreement of labelers and of the reward model with
#: them (sections 3.4 and 4.1).
PAPER = {
    "agreement": "0.726 ± 0.015",
    "agreement_heldout": "0.773 ± 0.013",
    "accuracy": "0.724 ± 0.004",
    "accuracy_heldout_labelers": "0.696 ± 0.009",
}

#: Whose first and last losses the summary shows, by work label.
LOSSES = {"pretraining": "pretraining.base", "sft": "sft"}


def write(folder: Path, name: str, config: PipelineConfig, run: Run) -> dict[str, Any]:
    """Gather a run's figures and write ``summary.json`` and ``report.html`` into ``folder``."""
    storage = Storage.from_environment()
    root = os.environ["INSTRUCTFLOW_ROOT"]
    records = work.behind(storage, root, run.report)
    with tempfile.TemporaryDirectory() as scratch:
        published = download_folder(storage, run.report, Path(scratch))
        figures = json.loads((published / "summary.json").read_text())
        shutil.copy(published / "report.html", folder / "report.html")
    summary = gather(config.seed, run, records, figures) | {
        "report": run.report,
        "mlflow_run_id": mlflow_run(run.id),
    }
    path = folder / "summary.json"
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return summary | {"report_file": str(folder / "report.html"), "summary_file": str(path)}


def mlflow_run(run: str) -> str:
    """The id of the run's parent in MLflow, or "" where tracking holds none."""
    from components.core.tracking import parent_run_id

    return parent_run_id(run) or ""


def gather(
    seed: int, run: Run, records: Sequence[work.WorkRecord], report: Mapping[str, Any]
) -> dict[str, Any]:
    """The summary's figures, from work records and the report's own summary."""
    by_stage: dict[str, dict[str, float]] = {}
    for record in records:
        by_stage.setdefault(record.label, {}).update(record.figures)
    prompts = by_stage.get("prompts", {})
    rewards = by_stage.get("reward_model", {})
    compared = by_stage.get("human_eval_import.comparisons", {})
    judged = by_stage.get("human_eval_import.systems", {})
    # Work of other runs that this one builds on comes first; records come newest first.
    seconds = {r.label: r.seconds for r in reversed(records) if r.label not in run.seconds}
    seconds |= run.seconds
    summary: dict[str, Any] = {
        "seed": seed,
        "seconds": {**{k: round(v, 2) for k, v in seconds.items()}, "total": round(run.total, 2)},
        "win_rates": report.get("win_rates", {}),
        "reward_model": _pick(rewards, "accuracy", "accuracy_heldout_labelers"),
        "labelers": {
            "agreement": compared.get("agreement"),
            "agreement_heldout": judged.get("agreement_heldout"),
        },
        "public_tasks": report.get("public_tasks", {}),
        "gold": report.get("gold", {}),
        "ppo": report.get("ppo", {}),
        "prompts": {
            "raw": int(prompts.get("raw", 0)),
            "kept": int(prompts.get("kept", 0)),
            "rejected": {
                key.removeprefix("rejected."): int(value)
                for key, value in sorted(prompts.items())
                if key.startswith("rejected.")
            },
            "pii_canaries": {
                "planted": int(prompts.get("pii_canaries_planted", 0)),
                "found": int(prompts.get("pii_canaries_found", 0)),
            },
        },
    }
    losses = {stage: _ends(by_stage.get(label, {})) for stage, label in LOSSES.items()}
    summary["losses"] = {stage: ends for stage, ends in losses.items() if ends}
    exported = [f["tasks"] for label, f in by_stage.items() if "tasks" in f and "export" in label]
    if exported:
        summary["tasks_exported"] = int(sum(exported))
    return summary


def _ends(figures: Mapping[str, float]) -> list[float]:
    """First and last training loss of a stage."""
    return [figures[name] for name in ("first_loss", "loss") if name in figures]


def _pick(figures: Mapping[str, float], *names: str) -> dict[str, float | None]:
    return {name: figures.get(name) for name in names}


def show(summary: Mapping[str, Any], console: Console) -> None:
    """The table at the end of a run."""
    if summary["win_rates"]:
        table = Table(
            title="Win rate against SFT, judged blind by held-out labelers",
            caption="paper (figure 1): GPT-3 < GPT-3 with a prefix < SFT < PPO and PPO-ptx, "
            "which are about equal",
        )
        for column in ("system", "win rate", "95% interval", "gold", "public loss", "public acc."):
            table.add_column(column, justify="left" if column == "system" else "right")
        for system, rate in summary["win_rates"].items():
            public = summary["public_tasks"].get(system, {})
            table.add_row(
                system,
                f"{rate['win_rate']:.3f}",
                f"{rate['ci_low']:.3f} to {rate['ci_high']:.3f}",
                _figure(summary["gold"].get(system)),
                _figure(public.get("loss")),
                _figure(public.get("accuracy")),
            )
        console.print(table)
    table = Table(title="People and reward model")
    for column in ("figure", "here", "paper"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for label, section, key in (
        ("training labelers agree with one another", "labelers", "agreement"),
        ("held-out labelers agree with one another", "labelers", "agreement_heldout"),
        ("reward model, held-out prompts", "reward_model", "accuracy"),
        ("reward model, held-out labelers", "reward_model", "accuracy_heldout_labelers"),
    ):
        table.add_row(label, _figure(summary[section].get(key)), PAPER[key])
    console.print(table)
    prompts = summary["prompts"]
    dropped = ", ".join(f"{reason} {count}" for reason, count in prompts["rejected"].items())
    canaries = prompts["pii_canaries"]
    console.print(
        f"prompts: {prompts['raw']} in, {prompts['kept']} kept; dropped: {dropped or 'none'}; "
        f"PII canaries {canaries['found']} of {canaries['planted']} found",
        highlight=False,
        soft_wrap=True,
    )
    for line in (
        f"time:    {summary['seconds']['total']:.0f} s",
        f"report:  {summary['report_file']}",
        f"summary: {summary['summary_file']}",
        f"MLflow:  make ui (or instructflow ui), run {summary['mlflow_run_id'] or 'not recorded'}",
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
