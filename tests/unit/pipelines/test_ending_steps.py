"""Signals that end a run end its steps first, and nobody else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines import interruption

SLEEP = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('last words', flush=True)"
    " or exit(3)); print('ready', flush=True); time.sleep(60)",
]
#: A run that waits for its step.
RUN = (
    "import pathlib, subprocess, sys\n"
    "from pipelines.interruption import interruptible\n"
    "with interruptible(pathlib.Path(sys.argv[1])):\n"
    "    print('ready', flush=True)\n"
    "    subprocess.run(sys.argv[2:])\n"
)


def step(folder: Path, command: list[str] = SLEEP) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        command,
        env=os.environ | {interruption.MARK: str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_steps_of_a_run_end_and_no_others(tmp_path: Path) -> None:
    mine, others = step(tmp_path / "a"), step(tmp_path / "ab")
    with mine, others:
        assert interruption.steps(tmp_path / "a") == [mine.pid]
        interruption.end_steps(tmp_path / "a")
        assert mine.wait(10) == -signal.SIGTERM
        assert others.poll() is None
        others.kill()


def test_a_step_has_its_last_words(tmp_path: Path) -> None:
    with step(tmp_path, STUBBORN) as process:
        interruption.end_steps(tmp_path)
        assert process.wait(10) == 3
        assert process.stdout is not None
        assert process.stdout.read() == "last words\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)]
)
def test_a_signal_to_the_run_alone_ends_its_step_first(
    tmp_path: Path, number: int, code: int
) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    # The step has the mark, the run has not.
    command = [sys.executable, "-c", RUN, str(tmp_path), "env", f"{interruption.MARK}={tmp_path}"]
    with subprocess.Popen(
        [*command, *SLEEP], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        assert len(interruption.steps(tmp_path)) == 1
        process.send_signal(number)
        started = time.monotonic()
        assert process.wait(20) == code
    assert interruption.steps(tmp_path) == []
    assert time.monotonic() - started < 10
