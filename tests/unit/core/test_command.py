"""The stage from a shell: what it prints, how it ends, and that it survives being killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from counting_stage import INPUTS, STAGE
from launching import failure, notes
from mlflow_runs import run_of

from components.core import launch, shell
from components.core.dataset import download_folder, open_manifest
from components.core.storage import Storage

pytestmark = pytest.mark.usefixtures("surroundings")

SCRIPT = Path(__file__).with_name("counting_stage.py")


def command(*arguments: str) -> "subprocess.Popen[str]":
    """The stage as a shell starts it."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def wait_for(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    for text in process.stdout:
        if text.strip() == line:
            return
    assert process.stderr is not None
    raise AssertionError(f"it never said {line!r}: {process.stderr.read()}")


def test_the_command_prints_references_as_json(storage: Storage, root: str, tmp_path: Path) -> None:
    note = notes(storage, root, tmp_path / "notes")
    config = tmp_path / "config.json"
    config.write_text('{"steps": 3}')
    arguments = ["--config", str(config), "--input", f"notes={note}", "--input", f"notes={note}"]
    with command(*arguments) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    references = json.loads(out.removeprefix(out[: out.index("{")]))
    assert open_manifest(storage, references["policy"]).name == "counting"
    assert "progress counting 3/3" in err
    assert "stage counting done in " in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["--config", '{"steps": 0}'],
            1,
            "error: counting.steps: got 0; Input should be greater than or equal to 1",
        ),
        (["--config", "gone.json"], 1, "error: --config gone.json: no JSON object, and no file of"),
        (["--input", "notes"], 2, "--input notes: expected NAME=REFERENCE"),
        (["--input", "notes="], 2, "--input notes=: expected NAME=REFERENCE"),
        (
            ["--input", "note=s3://b/x"],
            2,
            "--input note=s3://b/x: counting has no input 'note'; it has: notes, more_notes",
        ),
        (["--input", "notes=s3://b/x"], 1, "error: 's3://b/x' is no reference; expected"),
    ],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str], code: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "argv", ["counting", *arguments])
    with pytest.raises(SystemExit) as caught:
        shell.main(STAGE, INPUTS)
    assert caught.value.code == code
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_sigterm_is_recorded(storage: Storage, root: str, client: Any) -> None:
    with command("--config", '{"steps": 500, "period": 5, "pause": 0.05}') as process:
        wait_for(process, "saved 10")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert failure(storage, root)["reason"] == "terminated by SIGTERM"
    child = run_of(client, role="stage")
    assert child.info.status == "KILLED"
    assert child.data.tags["instructflow.failure"] == "terminated by SIGTERM"


def test_killed_and_resumed_equals_uninterrupted(
    storage: Storage, root: str, client: Any, tmp_path: Path, capsys: Any
) -> None:
    """kill -9: the same weights to the bit, one MLflow run, no point twice and none missing."""
    config = '{"steps": 30, "period": 5, "pause": 0.02}'
    with command("--config", config) as process:
        wait_for(process, "saved 15")
        process.kill()
    resumed = launch.run_stage(STAGE, config, {})
    told = capsys.readouterr().out
    assert int(told.partition("resumed at ")[2].split()[0]) >= 15
    weights = download_folder(storage, resumed.references["policy"], tmp_path / "resumed")
    child = run_of(client, role="stage")
    steps = [p.step for p in client.get_metric_history(child.info.run_id, "loss")]
    assert steps == list(range(1, 31))
    assert child.info.status == "FINISHED"

    other = launch.run_stage(STAGE, config, {"notes": resumed.references["policy"]})
    whole = download_folder(storage, other.references["policy"], tmp_path / "whole")
    assert (weights / "weights.txt").read_text() == (whole / "weights.txt").read_text()
    assert resumed.references["policy"] == other.references["policy"]
