"""summary.json and the tables at the end: figures from work records, nothing where nothing was."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.core.dataset import Provenance, publish_folder
from components.core.storage import Storage
from components.core.work import WorkRecord
from pipelines.runs import Run
from pipelines.summary import drift_of, gather, taken_up
from pipelines.summary_view import show
from pipelines.view import Finished


def record(
    label: str, curves: dict[str, list[float]] | None = None, **figures: float
) -> WorkRecord:
    return WorkRecord(
        work=label,
        stage=label.partition(".")[0],
        label=label,
        run="r",
        seconds=2.0,
        figures=figures,
        curves=curves or {},
        outputs={},
    )


RECORDS = [
    record("pretraining.base", {"loss": [8.0, 6.0, 5.0]}, loss=5.1),
    record("sft", {"loss": [5.5, 5.0], "validation_loss": [5.7, 5.6]}),
    record(
        "reward_model",
        accuracy=0.61,
        accuracy_low=0.53,
        accuracy_high=0.69,
        accuracy_pairs=196.0,
        accuracy_prompts=40.0,
    ),
    record("prompts", {}, raw=10.0, kept=6.0, **{"rejected.too_long": 3.0, "rejected.pii": 1.0}),
    record("human_eval_export.comparisons", tasks=40.0),
    record("human_eval_export.systems", tasks=30.0),
]
REPORT: dict[str, Any] = {
    "public_tasks": {"base": {"loss": 5.0, "accuracy": 0.4}},
    "reward": {"base": 0.1, "ppo_ptx": 0.5},
    "reward_gain": {"ppo_ptx": {"gain": 0.3, "ci_low": 0.2, "ci_high": 0.4, "n": 30}},
    "ppo": {"ppo_ptx": {"kl": [0.0, 2.0, 1.5], "reward": [0.1, 0.3, 0.5]}},
}
PLACES = {"report_file": "r.html", "summary_file": "s.json", "mlflow_run_id": "m"}


@pytest.fixture
def summary() -> dict[str, Any]:
    run = Run("r", "f", steps=[Finished("sft", "sft", 3.456, "")], total=9.0)
    return gather(1, run, RECORDS, REPORT)


def test_figures_come_from_the_work_records(summary: dict[str, Any]) -> None:
    assert summary["losses"] == {
        "pretraining": [8.0, 6.0, 5.0], "sft": [5.5, 5.0], "sft_validation": [5.7, 5.6],
    }  # fmt: skip
    assert summary["tasks_exported"] == 70
    assert summary["prompts"]["rejected"] == {"pii": 1, "too_long": 3}
    assert summary["reward_model"] == {
        "accuracy": 0.61, "accuracy_heldout_labelers": None, "accuracy_low": 0.53,
        "accuracy_high": 0.69, "accuracy_pairs": 196.0, "accuracy_prompts": 40.0,
    }  # fmt: skip
    # This run's own wall time counts, not that of the work's last attempt.
    assert summary["seconds"]["sft"] == 3.46
    assert summary["seconds"]["prompts"] == 2.0


def test_of_two_works_of_one_step_the_nearer_counts() -> None:
    far = record("pretraining.base", {"loss": [8.0, 5.0]}, loss=5.0)
    near = record("pretraining.base", {"loss": [8.0, 4.0]}, loss=4.0)
    assert gather(0, Run("r", "f"), [far, near], {})["losses"]["pretraining"] == [8.0, 4.0]


def test_what_the_last_round_rejected_is_not_told_of_this_one() -> None:
    last = record("prompts", {}, raw=10.0, kept=7.0, **{"rejected.too_long": 3.0})
    this = record("prompts", {}, raw=8.0, kept=6.0, **{"rejected.earlier_round": 2.0})
    told = gather(0, Run("r", "f"), [last, this], {})["prompts"]
    assert (told["raw"], told["kept"], told["rejected"]) == (8, 6, {"earlier_round": 2})


@pytest.mark.parametrize("purpose", ["comparisons", "systems"])
def test_agreement_comes_from_whichever_labels_came_back(purpose: str) -> None:
    # A feedback run imports one round of labels, of either purpose.
    labels = record(f"human_eval_import.{purpose}", agreement=0.7, agreement_heldout=0.8)
    labelers = gather(0, Run("r", "f"), [labels], {})["labelers"]
    assert labelers == {"agreement": 0.7, "agreement_heldout": 0.8}


def test_what_was_not_measured_is_not_shown(summary: dict[str, Any]) -> None:
    stream = io.StringIO()
    show(summary | PLACES, Console(file=stream, width=100))
    told = stream.getvalue()
    assert "Win rate" not in told
    assert "labelers agree" not in told
    assert "+0.30 (+0.20 to +0.40)" in told
    assert "0.530 to 0.690" in told
    assert "196 of 40" in told
    assert "pretraining 8.000 to 5.000, SFT 5.500 to 5.000" in told
    assert "reward +0.100 to +0.500, KL to SFT 1.50 nats at the end, 2.00 at most" in told
    assert "10 in, 6 kept; dropped: pii 1, too_long 3" in told
    assert "70 exported" in told


def test_drift_is_told_with_its_thresholds(summary: dict[str, Any]) -> None:
    figures = {"duplicates": (0.92, "stop"), "users": (0.13, "warn"), "length": (0.01, "stable")}
    found = {
        "previous": "s3://last", "level": "stop", "warn": 0.1, "stop": 0.25, "action": "warn",
        "new_users_share": None,
        "figures": [
            {
                "name": name, "psi": psi, "chance": 0.05, "level": level,
                "before": {"a": 0.0, "b": 1.0}, "now": {"a": 0.4, "b": 0.6},
            }
            for name, (psi, level) in figures.items()
        ],
    }  # fmt: skip
    drift = drift_of({"drift": found})
    assert (drift["level"], drift["stop"], drift["previous"]) == ("stop", 0.25, "s3://last")
    assert drift["figures"]["users"] == {"psi": 0.13, "chance": 0.05, "level": "warn"}
    stream = io.StringIO()
    show(summary | PLACES | {"drift": drift}, Console(file=stream, width=100))
    (line,) = [line for line in stream.getvalue().splitlines() if line.startswith("drift:")]
    assert line == (
        "drift:   beyond stop (0.25): duplicates 0.92 (a 0% -> 40%); beyond warn (0.1): "
        "users 0.13 (a 0% -> 40%); population stability index against the last round"
    )
    # The first round is compared with nothing.
    assert drift_of({"drift": None}) == drift_of({}) == {}
    stream = io.StringIO()
    show(summary | PLACES | {"drift": {}}, Console(file=stream, width=100))
    assert "drift" not in stream.getvalue()


def test_inputs_are_what_a_run_was_given_of_earlier_ones(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    """Not what came from outside (found by lineage), nor what one of its steps gave another."""

    def published(name: str, made_by: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "file").write_text(name)
        return publish_folder(storage, root, "report", name, folder, Provenance(work=made_by))

    outside, between = published("outside", ""), published("between", "this run")
    last = {name: published(name, "last run") for name in ("earlier", "audit", "sft", "ppo")}
    prompts = record("prompts").model_copy(
        update={
            "inputs": {
                "raw_prompts": (outside,),
                "earlier": (last["earlier"],),
                "previous_audit": (last["audit"],),
            },
            # Run again: it makes once more what it was given as the latest.
            "outputs": {"prompts": between, "audit": last["audit"]},
        }
    )
    sft = record("sft").model_copy(
        update={"inputs": {"prompts": (between,), "policies": (last["sft"], last["ppo"])}}
    )
    again = record("evaluation").model_copy(update={"inputs": {"policies": (last["sft"],)}})
    assert taken_up(storage, [prompts, sft, again]) == {
        "earlier": last["earlier"],
        "previous_audit": last["audit"],
        "policies": last["sft"],
        "policies.2": last["ppo"],
    }


def test_a_run_of_nothing_is_told_without_tables() -> None:
    stream = io.StringIO()
    show(gather(0, Run("r", "f"), [], {}) | PLACES, Console(file=stream, width=100))
    assert "prompts: 0 in, 0 kept; dropped: none" in stream.getvalue()
    assert "│" not in stream.getvalue()
