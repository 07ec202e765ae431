import json
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from mlflow_runs import run_of, runs_of, series

from components.core.pipeline_run import end_pipeline, parent_run_id
from components.core.registry import register_policy
from components.core.tracking import (
    RecordingTracker,
    Tracker,
    open_tracker,
)

DIGEST = "0123456789abcdef" * 4
REFERENCE = f"s3://bucket/prefix/datasets/prompts/{DIGEST[:16]}#sha256={DIGEST}"
POLICY = f"s3://bucket/prefix/models/ppo/{DIGEST[:16]}#sha256={DIGEST}"


def test_one_run_a_pipeline_and_a_child_a_stage(client: Any, artifacts: str) -> None:
    for stage, label in (("sft", "sft"), ("ppo", "ppo"), ("ppo", "ppo.ppo_ptx")):
        tracker = open_tracker("run-1", label, f"work of {label}", artifacts)
        tracker.params({f"{stage}.epochs": 2, f"{stage}.rate": 0.1, "code_version": "abc"})
        tracker.metrics({"loss": 2.0, "accuracy": 0.5}, 1)
        tracker.metrics({"loss": 1.0}, 2)
        tracker.headline({"loss": 0.75, "agreement": 0.7})
        tracker.dataset(REFERENCE, "training")
        tracker.finish("FINISHED")

    parent = run_of(client, role="pipeline")
    assert parent_run_id("run-1") == parent.info.run_id
    assert parent.info.run_name == "run-1"
    assert parent.info.status == "RUNNING"
    assert parent.data.metrics == {
        f"{label}/{key}": value
        for label in ("sft", "ppo", "ppo.ppo_ptx")
        for key, value in (("loss", 0.75), ("agreement", 0.7))
    }
    assert parent.data.params == {
        "code_version": "abc",
        **{f"{label}.epochs": "2" for label in ("sft", "ppo", "ppo.ppo_ptx")},
        **{f"{label}.rate": "0.1" for label in ("sft", "ppo", "ppo.ppo_ptx")},
    }
    child = run_of(client, stage="ppo.ppo_ptx")
    assert child.info.run_name == "ppo.ppo_ptx-run-1"
    assert child.info.status == "FINISHED"
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert float(child.data.tags["instructflow.peak_memory_mb"]) > 10
    assert child.data.params == {"ppo.epochs": "2", "ppo.rate": "0.1", "code_version": "abc"}
    assert series(client, child, "accuracy") == [(1, 0.5)]
    assert series(client, child, "loss") == [(1, 2.0), (2, 1.0), (2, 0.75)]
    assert child.data.metrics["loss"] == 0.75, "the headline is the latest"
    (used,) = child.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("prompts", DIGEST[:36])
    assert json.loads(used.dataset.source) == {"uri": REFERENCE.partition("#")[0]}
    tags = {tag.key: tag.value for tag in used.tags}
    assert tags == {"mlflow.data.context": "training", "sha256": DIGEST}

    end_pipeline("run-1", "FINISHED")
    assert run_of(client, role="pipeline").info.status == "FINISHED"
    assert parent_run_id("another run") is None


def test_artifacts(client: Any, artifacts: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    tracker = open_tracker("run-1", "evaluation", "work", artifacts)
    tracker.text("<h1>ü</h1>", "page.html")
    tracker.figure(figure, "figures/curve.png")
    tracker.figure(figure, "figures/curve.svg")
    tracker.table([{"system": "sft", "rate": 0.5}, {"system": "ppo", "note": None}], "wins.json")
    tracker.finish("FINISHED")

    run = run_of(client, stage="evaluation")
    home = Path(run.info.artifact_uri.removeprefix("file://"))
    assert home.is_relative_to(artifacts.removeprefix("file://"))
    assert (home / "page.html").read_text(encoding="utf-8") == "<h1>ü</h1>"
    assert (home / "figures/curve.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (home / "figures/curve.svg").read_bytes()
    table = client.load_table(run.info.experiment_id, "wins.json")
    assert list(table["system"]) == ["sft", "ppo"]
    assert list(table.columns) == ["system", "rate", "note"]
    logged = json.loads(run.data.tags["mlflow.loggedArtifacts"])
    assert logged == [{"path": "wins.json", "type": "table"}]


def test_a_resumed_stage_goes_on_without_doubled_points(client: Any, artifacts: str) -> None:
    first = open_tracker("run-1", "sft", "work", artifacts)
    assert first.last_step is None
    for step in range(1, 8):
        first.metrics({"loss": 1 / step}, step)
        if step % 3 == 0:
            first.metrics({"validation": 2 / step}, step)
    first.params({"sft.epochs": 2})
    first.finish("FAILED", "out of patience")
    failed = run_of(client, stage="sft")
    assert failed.info.status == "FAILED"
    assert failed.data.tags["instructflow.failure"] == "out of patience"

    second = open_tracker("run-1", "sft", "work", artifacts)
    assert second.last_step == 7
    assert run_of(client, stage="sft").info.status == "RUNNING"
    second.params({"sft.epochs": 2})
    for step in range(5, 11):
        second.metrics({"loss": 1 / step}, step)
        if step % 3 == 0:
            second.metrics({"validation": 2 / step}, step)
    second.headline({"accuracy": 0.7})
    second.finish("FINISHED")
    third = open_tracker("run-1", "sft", "work", artifacts)
    third.headline({"accuracy": 0.7})
    third.finish("FINISHED")

    run = run_of(client, stage="sft")
    assert series(client, run, "loss") == [(step, 1 / step) for step in range(1, 11)]
    assert series(client, run, "validation") == [(3, 2 / 3), (6, 2 / 6), (9, 2 / 9)]
    assert series(client, run, "accuracy") == [(0, 0.7)]
    assert series(client, run_of(client, role="pipeline"), "sft/accuracy") == [(0, 0.7)]
    assert "instructflow.failure" not in run.data.tags
    assert run.info.status == "FINISHED"


def test_other_work_of_the_same_stage_is_another_child(client: Any, artifacts: str) -> None:
    for work in ("one config", "another"):
        open_tracker("run-1", "sft", work, artifacts).finish("FINISHED")
    assert len(runs_of(client, role="stage")) == 2
    assert len(runs_of(client, role="pipeline")) == 1


def test_attaches_to_an_injected_run_and_keeps_its_name(
    client: Any, artifacts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = client.create_experiment("of the platform " + uuid.uuid4().hex, artifacts)
    parent = client.create_run(experiment, run_name="platform's pipeline")
    given = client.create_run(
        experiment, run_name="train-step", tags={"mlflow.parentRunId": parent.info.run_id}
    )
    monkeypatch.setenv("MLFLOW_RUN_ID", given.info.run_id)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    tracker = open_tracker("run-1", "sft", "work")
    tracker.metrics({"loss": 1.0}, 1)
    tracker.headline({"accuracy": 0.5})
    tracker.finish("FINISHED")

    run = client.get_run(given.info.run_id)
    assert run.info.run_name == "train-step"
    assert run.info.status == "FINISHED"
    assert series(client, run, "loss") == [(1, 1.0)]
    assert client.get_run(parent.info.run_id).data.metrics == {"sft/accuracy": 0.5}
    assert parent_run_id("run-1") == parent.info.run_id
    assert len(client.search_runs([experiment])) == 2


def test_an_injected_run_without_a_parent(
    client: Any, artifacts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = client.create_experiment(uuid.uuid4().hex, artifacts)
    given = client.create_run(experiment)
    monkeypatch.setenv("MLFLOW_RUN_ID", given.info.run_id)
    tracker = open_tracker("run-1", "sft", "work")
    tracker.headline({"accuracy": 0.5})
    tracker.params({"sft.epochs": 1})
    tracker.finish("FINISHED")
    assert client.get_run(given.info.run_id).data.metrics == {"accuracy": 0.5}


def test_steps_that_start_at_once_share_one_parent(client: Any, artifacts: str) -> None:
    trackers: list[Tracker] = []
    together = threading.Barrier(4)

    def step(number: int) -> None:
        together.wait()
        tracker = open_tracker("run-1", f"stage{number}", f"work{number}", artifacts)
        tracker.headline({"figure": float(number)})
        tracker.params({f"stage{number}.a": number})
        trackers.append(tracker)

    threads = [threading.Thread(target=step, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tracker in trackers:
        tracker.finish("FINISHED")
    parent = run_of(client, role="pipeline")
    assert parent.data.metrics == {f"stage{n}/figure": float(n) for n in range(4)}
    assert parent.data.params == {f"stage{n}.a": str(n) for n in range(4)}
    for child in runs_of(client, role="stage"):
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_long_params_are_cut_so_that_it_shows(client: Any, artifacts: str) -> None:
    tracker = open_tracker("run-1", "sft", "work", artifacts)
    tracker.params({"sft.long": "x" * 7000, **{f"sft.p{n}": n for n in range(250)}})
    tracker.finish("FAILED", "y" * 9000)
    run = run_of(client, stage="sft")
    assert len(run.data.params) == 251
    assert len(run.data.params["sft.long"]) == 6000
    assert run.data.params["sft.long"].endswith("x ... [7000 characters]")
    assert run.data.tags["instructflow.failure"].endswith("y ... [9000 characters]")


def test_a_policy_is_registered_once_with_its_evidence(client: Any) -> None:
    name = "policy-" + uuid.uuid4().hex
    first = register_policy(POLICY, name, {"win_rate": 0.6}, alias="candidate")
    again = register_policy(POLICY, name, {"win_rate": 0.7})
    other = register_policy(POLICY.replace("0123", "4567"), name, {}, alias="candidate")
    assert (first, again, other) == ("1", "1", "2")
    version = client.get_model_version(name, "1")
    assert version.source == POLICY.partition("#")[0]
    assert version.tags == {"win_rate": "0.7", "reference": POLICY, "sha256": DIGEST}
    assert client.get_model_version_by_alias(name, "candidate").version == 2


@pytest.mark.parametrize("tracker", [RecordingTracker()])
def test_recording_tracker_is_a_tracker(tracker: Tracker) -> None:
    tracker.metrics({"loss": 1.0}, 1)
    tracker.finish("FINISHED")
    assert tracker.last_step == 1
