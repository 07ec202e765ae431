"""The summary of a finished run, ``summary.json``; its schema is documented in the README.

Figures are found by lineage from the run's report (``components.core.work``), so that steps that
came from the cache count like those that ran; and among what the run did or took from the cache,
for steps that the report does not build on (tasks that wait for labelers).
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core import work
from components.core.dataset import download_folder, lineage, open_manifest
from components.core.storage import Storage
from components.prompts.report import drift_view
from pipelines.config import PipelineConfig
from pipelines.runs import Run

#: Curves that the summary holds: name -> (work label, curve).
LOSSES = {
    "pretraining": ("pretraining.base", "loss"),
    "sft": ("sft", "loss"),
    "sft_validation": ("sft", "validation_loss"),
}

#: What is told of the reward model's accuracy on held-out prompts besides the figure.
ACCURACY = ("accuracy_low", "accuracy_high", "accuracy_pairs", "accuracy_prompts")


def write(folder: Path, config: PipelineConfig, run: Run) -> dict[str, Any]:
    """Gather a run's figures and write ``summary.json`` and its pages into ``folder``."""
    storage = Storage.from_environment()
    root = os.environ["INSTRUCTFLOW_ROOT"]
    # The nearest last, as the last one counts: the same prompts, say, may have come of an earlier
    # run first, and with them its base model stands far back in the lineage.
    distant = reversed(work.behind(storage, root, run.report))
    borrowed = work.read_all(storage, root, run.borrowed.values())
    own = [*borrowed, *work.of_run(storage, root, run.id)]
    records = [*distant, *own]
    report = _fetch(storage, run.report, folder / "report.html")
    files = {"report_file": folder / "report.html", "summary_file": folder / "summary.json"}
    audits = [record.outputs["audit"] for record in records if "audit" in record.outputs]
    audit: Mapping[str, Any] = {}
    if audits and audits[-1] == run.report:
        report, audit = {}, report
    elif audits:
        files["prompts_file"] = folder / "prompts.html"
        audit = _fetch(storage, audits[-1], files["prompts_file"])
    summary = gather(config.seed, run, records, report) | {
        "drift": drift_of(audit),
        "inputs": inputs_of(storage, run.report) | taken_up(storage, own),
        "report": run.report,
        "mlflow_run_id": mlflow_run(run.id),
    }
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    files["summary_file"].write_text(text + "\n")
    return summary | {name: str(path) for name, path in files.items()}


def _fetch(storage: Storage, report: str, page: Path) -> dict[str, Any]:
    """Copy the page of a published report or audit of prompts; its figures."""
    with tempfile.TemporaryDirectory() as scratch:
        published = download_folder(storage, report, Path(scratch))
        shutil.copy(published / "report.html", page)
        said = [published / name for name in ("summary.json", "audit.json")]
        texts = [path.read_text("utf-8") for path in said if path.exists()]
    figures: dict[str, Any] = json.loads(texts[0]) if texts else {}
    return figures


def inputs_of(storage: Storage, reference: str) -> dict[str, str]:
    """Name -> reference of what came from outside and the published thing was made of."""
    found: dict[str, str] = {}
    for node in lineage(storage, reference).walk():
        if node.manifest and not node.manifest.provenance.work:
            # What was appended to stands behind what came of it.
            found.setdefault(node.manifest.name, node.reference)
    return found


def taken_up(storage: Storage, records: Sequence[work.WorkRecord]) -> dict[str, str]:
    """Name of the input -> reference of what a run was given of what earlier runs made.

    Args:
        storage: where the references lead.
        records: all work of the run. What came from outside is left to ``inputs_of``.
    """
    found: dict[str, str] = {}
    for record in records:
        # A round that is run again is given, as the latest, what it then makes once more.
        others = {ref for r in records if r is not record for ref in r.outputs.values()}
        for name, references in record.inputs.items():
            for reference in references:
                if reference in others or reference in found.values():
                    continue
                if open_manifest(storage, reference).provenance.work:
                    same = sum(known.partition(".")[0] == name for known in found)
                    found[f"{name}.{same + 1}" if same else name] = reference
    return found


def mlflow_run(run: str) -> str:
    """The id of the run's parent in MLflow, or "" where tracking holds none."""
    from components.core.pipeline_run import parent_run_id

    return parent_run_id(run) or ""


def gather(
    seed: int, run: Run, records: Sequence[work.WorkRecord], report: Mapping[str, Any]
) -> dict[str, Any]:
    """The summary's figures, from work records and the report's own summary.

    Args:
        seed: of the run.
        run: what is remembered of it.
        records: work that it did or builds on; of two with one label the later one counts.
        report: ``summary.json`` of the published report.
    """
    by_stage: dict[str, dict[str, float]] = {}
    for record in records:
        by_stage[record.label] = record.figures
    prompts = by_stage.get("prompts", {})
    rewards = by_stage.get("reward_model", {})
    compared = by_stage.get("human_eval_import.comparisons", {})
    judged = by_stage.get("human_eval_import.systems", {})
    # Work of other runs that this one builds on comes first.
    seconds = {r.label: r.seconds for r in records if r.label not in run.seconds}
    seconds |= run.seconds
    summary: dict[str, Any] = {
        "seed": seed,
        "seconds": {**{k: round(v, 2) for k, v in seconds.items()}, "total": round(run.total, 2)},
        "win_rates": report.get("win_rates", {}),
        "reward_model": {
            "accuracy": rewards.get("accuracy"),
            "accuracy_heldout_labelers": rewards.get("accuracy_heldout_labelers"),
            **{name: rewards[name] for name in ACCURACY if name in rewards},
        },
        "labelers": {
            "agreement": compared.get("agreement", judged.get("agreement")),
            "agreement_heldout": compared.get("agreement_heldout", judged.get("agreement_heldout")),
        },
        "public_tasks": report.get("public_tasks", {}),
        "gold": report.get("gold", {}),
        "reward": report.get("reward", {}),
        "reward_gain": report.get("reward_gain", {}),
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
    curves = {(r.label, name): curve for r in records for name, curve in r.curves.items()}
    summary["losses"] = {name: curves[key] for name, key in LOSSES.items() if key in curves}
    exported = [f["tasks"] for label, f in by_stage.items() if "tasks" in f and "export" in label]
    if exported:
        summary["tasks_exported"] = int(sum(exported))
    return summary


def drift_of(audit: Mapping[str, Any]) -> dict[str, Any]:
    """What an audit says of drift; empty where there was no last round to compare with."""
    found = audit.get("drift")
    if not found:
        return {}
    return {
        **{name: found[name] for name in ("level", "warn", "stop", "action", "previous")},
        "told": drift_view.line(found),
        "figures": {
            figure["name"]: {name: figure[name] for name in ("psi", "chance", "level")}
            for figure in found["figures"]
        },
    }
