"""A pipeline that is killed, interrupted, or loses a step, and goes on."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import SMALL_WORLD, settings, start, summary

from pipelines import weed

pytestmark = pytest.mark.slow

RUN = [
    "pipelines.cli",
    "run",
    "quickstart",
    *settings(SMALL_WORLD | {"sft.epochs": 100, "sft.checkpoint_every": 20}),
]


class Attempts:
    """The same command over and over in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".instructflow" / "quickstart"
        self.output = folder / "output.txt"
        self.disk = folder / "disk"
        self.disk.mkdir()

    def start(self) -> "subprocess.Popen[str]":
        with self.output.open("w") as output:
            return start(self.folder, output, *RUN, TMPDIR=str(self.disk))

    def log(self) -> str:
        path = self.state / "log.txt"
        return path.read_text() if path.is_file() else ""

    def wait_for(self, process: "subprocess.Popen[str]", holds: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + 300
        while not holds(self.log()):
            assert process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.log()[-2000:]
            time.sleep(0.2)

    def started(self) -> Counter[str]:
        words = [line.split() for line in self.log().splitlines()]
        return Counter(w[1] for w in words if len(w) == 3 and w[0] == "stage" and w[2] == "started")

    def servers(self) -> list[int]:
        return [pid for pid, _ in weed.running((self.folder / ".instructflow" / "s3").resolve())]

    def scratch(self) -> list[Path]:
        """Files that steps have in their scratch, but for what stands in for Python."""
        files = [path for path in self.disk.rglob("*") if path.is_file()]
        return [path for path in files if path.name != "python3"]

    def steps(self) -> list[int]:
        """Processes of steps of runs in this folder."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes()
                if b"kfp.dsl.executor_main" in words and str(self.state).encode() in words:
                    found.append(int(entry.name))
            except (OSError, ValueError):
                continue
        return found


def progress(log: str) -> list[tuple[int, int]]:
    """Updates done and updates in all, as supervised tuning told them."""
    told = [line.split()[2] for line in log.splitlines() if "progress sft " in line]
    pairs = (part.partition("/") for part in told)
    return [(int(done), int(total)) for done, _, total in pairs]


def at_update(number: int) -> Callable[[str], bool]:
    return lambda log: any(done >= number for done, _ in progress(log))


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes in /proc")
def test_a_run_goes_on_after_kills_and_interrupts(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    began = time.monotonic()

    # 1. kill -9 of the pipeline, in the middle of a training step: the step ends as well.
    process = attempts.start()
    attempts.wait_for(process, at_update(40))
    process.kill()
    process.wait()
    begun = attempts.started()
    # Of two tasks that could both run, KFP's runner takes either first: prompts may be yet to come.
    assert begun.pop("prompts", 1) == 1
    assert begun == dict.fromkeys(("sandbox_world", "pretraining.base", "sft"), 1)
    # What KFP and the stage need lies in one folder, that of the run.
    assert len({path.relative_to(attempts.disk).parts[0] for path in attempts.scratch()}) == 1

    # 2. kill -9 of the step: the run says so and ends; training had gone on from a checkpoint.
    process = attempts.start()
    attempts.wait_for(process, lambda log: attempts.started()["sft"] == 2)
    attempts.wait_for(process, at_update(120))
    for pid in attempts.steps():
        os.kill(pid, signal.SIGKILL)
    assert process.wait(60) == 2
    assert "sft: ended without a word" in attempts.output.read_text()
    assert [done for done, _ in progress(attempts.log())].count(1) == 1
    assert (attempts.servers(), attempts.scratch()) == ([], [])

    # 3. Ctrl-C, or what a terminal sends for it, to the pipeline alone: one line, and nobody left.
    process = attempts.start()
    attempts.wait_for(process, lambda log: attempts.started()["human_eval_export.comparisons"] > 0)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert attempts.output.read_text().splitlines()[-1] == (
        "interrupted; the same command goes on from here"
    )
    assert (attempts.servers(), attempts.steps(), attempts.scratch()) == ([], [], [])

    # 4. To the end.
    process = attempts.start()
    assert process.wait(600) == 0, attempts.output.read_text()
    assert "sandbox_world: done before, in " in attempts.output.read_text()
    assert (attempts.servers(), attempts.scratch()) == ([], [])
    started = attempts.started()
    assert (started.pop("sft"), started.pop("human_eval_export.comparisons")) == (3, 2)
    assert set(started.values()) == {1}

    # What it reports is all attempts together, and each step once.
    seconds = summary(attempts.state)["seconds"]
    again = {"sft", "human_eval_export.comparisons"}
    assert set(started) | again | {"total"} == set(seconds)
    assert seconds["sandbox_world"] + seconds["evaluation"] < seconds["total"]
    assert seconds["total"] < time.monotonic() - began

    # One MLflow run, whose series has every step once.
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / '.instructflow' / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("instructflow")
    runs = client.search_runs([experiment.experiment_id])
    by_stage = {run.data.tags.get("instructflow.stage", "pipeline"): run for run in runs}
    assert len(by_stage) == len(runs)
    assert {run.info.status for run in runs} == {"FINISHED"}
    history = client.get_metric_history(by_stage["sft"].info.run_id, "loss")
    total = progress(attempts.log())[-1][1]
    # The headline, a mean, stands behind the last one.
    assert [point.step for point in history] == [*range(1, total + 1), total]
