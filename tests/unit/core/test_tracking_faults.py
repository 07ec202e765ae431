import math
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest
from mlflow_runs import run_of, series

from components.core import run_tree
from components.core.pipeline_run import parent_run_id
from components.core.registry import register_policy
from components.core.run_tree import StageRun
from components.core.tracking import (
    MlflowSink,
    TrackingError,
    open_tracker,
)

DIGEST = "0123456789abcdef" * 4
POLICY = f"s3://bucket/prefix/models/ppo/{DIGEST[:16]}#sha256={DIGEST}"


def test_a_surplus_parent_is_given_up_when_its_stage_ends(client: Any, artifacts: str) -> None:
    """Both looked before either had made one, and again before the other's could be seen."""

    class Blind:
        """A client that does not see pipelines' runs."""

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def search_runs(self, experiments: list[str], condition: str) -> list[Any]:
            if "'pipeline'" in condition:
                return []
            return list(client.search_runs(experiments, condition))

    first = run_tree.stage_run(Blind(), "run-1", "sft", "work1", artifacts)
    time.sleep(0.01)
    second = run_tree.stage_run(Blind(), "run-1", "ppo", "work2", artifacts)
    assert first.parent != second.parent
    client.log_metric(second.parent, "ppo/reward", 2.0)
    client.log_param(second.parent, "ppo.lr", 1)
    # A third step found the surplus one, and tells after it was given up.
    third = StageRun(
        client.create_run(client.get_run(first.id).info.experiment_id).info.run_id,
        second.parent,
        "evaluation",
        "run-1",
    )
    sink = MlflowSink(client, third)
    for stage in (second, first):
        run_tree.settle(client, stage)
    sink.headline({"loss": 1.0})
    sink.finish("FINISHED", "")
    assert third.parent == first.parent
    assert second.parent == first.parent
    parent = run_of(client, role="pipeline")
    assert parent.info.run_id == first.parent
    assert parent.data.metrics == {"ppo/reward": 2.0, "evaluation/loss": 1.0}
    assert parent.data.params == {"ppo.lr": "1"}
    for child in (second, third):
        assert client.get_run(child.id).data.tags["mlflow.parentRunId"] == first.parent


def test_what_is_not_finite_is_left_out_and_told_once(
    client: Any, artifacts: str, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = open_tracker("run-1", "sft", "work", artifacts)
    for step in range(3):
        tracker.metrics({"loss": math.nan, "fine": 1.0}, step)
    tracker.headline({"best": -math.inf, "kept": 2.0})
    tracker.finish("FINISHED")
    run = run_of(client, stage="sft")
    assert set(run.data.metrics) == {"fine", "kept"}
    told = [r.getMessage() for r in caplog.records if "not logged" in r.getMessage()]
    assert told == [
        "metric loss is nan: not logged (said once)",
        "metric best is -inf: not logged (said once)",
    ]


def test_a_refused_metric_does_not_stop_the_others(
    client: Any, artifacts: str, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = open_tracker("run-1", "sft", "work", artifacts)
    tracker.headline({"a?b": 1.0})
    tracker.headline({"good": 1.0})
    tracker.finish("FINISHED")
    assert run_of(client, stage="sft").data.metrics == {"good": 1.0}
    assert "refused" in caplog.text


def test_a_step_goes_on_without_mlflow(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:hunter2@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr("components.core.tracker.AWAY_LIMIT", 0.3)
    tracker = open_tracker("run-1", "sft", "work")
    started = time.monotonic()
    for step in range(1000):
        tracker.metrics({"loss": 1.0}, step)
    tracker.text("page", "page.html")
    assert time.monotonic() - started < 0.2
    tracker.finish("FINISHED")
    assert time.monotonic() - started < 2
    assert "1002 metrics and artifacts were lost" in caplog.text
    assert "hunter2" not in caplog.text
    with pytest.raises(TrackingError, match="is it running, and is MLFLOW_TRACKING_URI right"):
        parent_run_id("run-1")
    with pytest.raises(TrackingError):
        register_policy(POLICY, "policy", {})


def test_a_kill_loses_at_most_a_period(client: Any, artifacts: str) -> None:
    """kill -9 while points are logged: all but those of the last period are there."""
    period = 0.3
    script = f"""
        import time
        from components.core.tracking import open_tracker
        tracker = open_tracker("run-1", "sft", "work", {artifacts!r}, period={period})
        tracker.flush(30)
        print("ready", flush=True)
        for step in range(10_000):
            tracker.metrics({{"loss": 1.0}}, step)
            print(step, flush=True)
            time.sleep(0.01)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        started = time.monotonic()
        last, since = 0, {}
        for line in process.stdout:
            last = int(line)
            since[last] = time.monotonic()
            if since[last] - started > 3.0:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    points = series(client, run_of(client, stage="sft"), "loss")
    assert [step for step, _ in points] == list(range(len(points)))
    lost_seconds = since[last] - since[len(points) - 1]
    # A busy machine adds to the period; without any delivery it were 3 seconds.
    assert lost_seconds < period + 1.5
