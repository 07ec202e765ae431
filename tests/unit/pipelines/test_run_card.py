"""What MLflow shows of a run: its name, tags and inputs, and the figures that it is judged by."""

import json
from typing import Any

import mlflow
import pytest

from components.core.pipeline_run import parent_run_id
from components.core.tracking import load_client, open_tracker
from pipelines import run_card, ui
from pipelines.catalogue import find
from pipelines.runs import Run

REFERENCE = f"s3://b/datasets/raw_prompts/0123#sha256={'0123' * 16}"
SUMMARY: dict[str, Any] = {
    "inputs": {"raw_prompts": REFERENCE},
    "win_rates": {},
    "reward_gain": {"ppo_ptx": {"gain": 0.25, "ci_low": 0.125, "ci_high": 0.5, "n": 30}},
    "ppo": {"ppo_ptx": {"kl": [0.0, 0.75], "reward": [0.0, 1.0]}},
    "public_tasks": {"base": {"loss": 5.0, "accuracy": 0.5}},
    "reward_model": {"accuracy": 0.625},
    "prompts": {"raw": 1791, "kept": 1337},
    "tasks_exported": 70,
    "seconds": {"total": 512.0},
    "report": "s3://b/reports/evaluation/1#sha256=1",
}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> mlflow.MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    made: mlflow.MlflowClient = load_client()()
    return made


def test_the_parent_run_says_what_was_set_and_what_came_of_it(client: mlflow.MlflowClient) -> None:
    tracker = open_tracker("real-1", "sft", "work", artifacts="")
    tracker.finish("FINISHED")
    run = Run("real-1", "print", report=SUMMARY["report"])
    settings = ["ppo.kl_coefficient=0.2", "seed=1"]
    for _ in range(2):  # doing it again changes nothing
        run_card.write(run, find("rlhf"), "real", settings, SUMMARY, ["rankings=latest-or-none"])
    parent = client.get_run(parent_run_id("real-1"))
    assert parent.info.run_name == "real-1 ppo.kl_coefficient=0.2 seed=1"
    assert parent.data.tags["instructflow.settings"] == "ppo.kl_coefficient=0.2 seed=1"
    assert parent.data.tags["instructflow.report"] == SUMMARY["report"]
    source = parent.data.tags["mlflow.source.name"]
    given = "--set ppo.kl_coefficient=0.2 --set seed=1 --input rankings=latest-or-none"
    assert source == f"instructflow run rlhf --profile real {given}"
    assert [found.dataset.name for found in parent.inputs.dataset_inputs] == ["raw_prompts"]
    note = parent.data.tags["mlflow.note.content"]
    assert "| reward of PPO-ptx over SFT | 0.250 (0.125 to 0.500) |" in note
    assert "| KL of PPO-ptx to SFT at the end, nats | 0.750 |" in note
    assert "| prompts kept | 1,337 of 1,791 |" in note
    experiment = client.get_experiment(parent.info.experiment_id)
    # What makes the UI open the runs.
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_who_stands_in_a_setting_is_not_told(client: mlflow.MlflowClient) -> None:
    open_tracker("real-2", "sft", "work", artifacts="").finish("FINISHED")
    person = "wilma@corp.example"
    settings = [
        f'prompts.labeler_groups={{"berlin": ["{person}"]}}',
        f'prompts={{"labeler_groups": {{"berlin": ["{person}"]}}}}',
        f"prompts.labeler_groups.{person.partition('@')[0]}=[a]",
        f'systems_import.heldout_labelers=["{person}"]',
        "prompts.max_tokens=9",
    ]
    run_card.write(Run("real-2", "print", report="r"), find("rlhf"), "real", settings, SUMMARY)
    parent = client.get_run(parent_run_id("real-2"))
    assert "wilma" not in json.dumps(parent.to_dictionary())
    hidden = "(not shown: personal)"
    assert parent.data.tags["instructflow.settings"] == (
        f"prompts.labeler_groups={hidden} prompts={hidden} prompts.labeler_groups={hidden} "
        f"systems_import.heldout_labelers={hidden} prompts.max_tokens=9"
    )


def test_a_store_that_is_down_does_not_undo_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    run_card.write(Run("real-1", "print"), find("rlhf"), "real", [], SUMMARY)


def test_a_name_is_of_bounded_length() -> None:
    assert run_card.name_of("real-1", []) == "real-1"
    assert len(run_card.name_of("real-1", ["sft.epochs=1"] * 50)) == 100


def test_the_ui_is_opened_at_the_runs(client: mlflow.MlflowClient) -> None:
    assert ui.page(5001) == "http://127.0.0.1:5001"
    open_tracker("real-1", "sft", "work").finish("FINISHED")
    experiment = client.get_run(parent_run_id("real-1")).info.experiment_id
    assert f"/experiments/{experiment}/runs?" in ui.page(5001)
