"""Labels go round through the real command: tasks out to a folder, answers back, a round on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL_WORLD, settings
from small_runs import summary as read_summary

from components.core.dataset import download_folder, open_manifest, resolve
from components.core.launch import run_stage
from components.core.storage import Storage
from components.core.version import code_version
from components.sandbox.labelers_stage import STAGE as LABELERS
from components.sandbox.world_stage import STAGE as WORLD
from pipelines.profile import load

pytestmark = pytest.mark.slow

SMALL = SMALL_WORLD | {
    "comparisons.prompts": 30,
    "comparisons.also": "{validation: 10}",
    "ppo.iterations": 1,
    "ppo.batch_size": 32,
    "ppo.sample_prompts": 8,
    "evaluation.documents": 20,
    "evaluation.sampled_prompts": 8,
}


@pytest.fixture
def here(storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in, with the S3 of the tests and an MLflow store of its own."""
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("INSTRUCTFLOW_CODE_VERSION", "of the test")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    code_version.cache_clear()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def instructflow(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        env=dict(os.environ), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def run(pipeline: str, *inputs: str) -> Any:
    """The summary of a run of a pipeline, on the quickstart's profile."""
    given = [part for text in inputs for part in ("--input", text)]
    instructflow("run", pipeline, "--profile", "quickstart", *settings(SMALL), *given)
    name = "quickstart" if pipeline == "rlhf" else f"quickstart-{pipeline}"
    return read_summary(Path(".instructflow") / name)


def answer(tasks: str, export: str, section: str) -> None:
    """Fetch what labelers get, let made-up ones answer it, publish their answers from a file."""
    instructflow("fetch", f"export/{export}", f"out/{export}")
    given = json.loads(Path("out", export, "label_studio.json").read_text())
    config = load("quickstart", settings(SMALL)[1::2]).section_json(section)
    storage, root = Storage.from_environment(), os.environ["INSTRUCTFLOW_ROOT"]
    answered = run_stage(LABELERS, config, {"tasks": resolve(storage, root, tasks)})
    instructflow("fetch", answered.references["labels"], f"back/{export}")
    (file,) = Path("back", export).iterdir()
    back = json.loads(file.read_text())
    assert [t["data"]["task_id"] for t in back] == [t["data"]["task_id"] for t in given]
    instructflow("publish", "labels", str(file))


def released(storage: Storage, root: str, folder: Path) -> Any:
    found = download_folder(storage, resolve(storage, root, "release/release"), folder)
    return json.loads((found / "release.json").read_text())


def test_two_rounds_of_labels(here: Path, storage: Storage, root: str) -> None:
    world = load("quickstart", settings(SMALL)[1::2]).section_json("sandbox_world")
    run_stage(WORLD, world, {})

    # Round 1: there are no rankings yet; outputs of the SFT policy go out and come back ranked.
    first = run("rlhf")
    assert first["win_rates"] == {}
    answer("tasks", "label_studio", "training_labelers")
    run("feedback", "labels=latest")
    rankings = resolve(storage, root, "rankings")
    assert open_manifest(storage, rankings).rows > 20
    decision = released(storage, root, here / "first")
    assert not decision["promoted"]
    assert decision["reason"].startswith("nothing to promote: 'ppo_ptx' is not among")

    # Round 2: a reward model and PPO, and people who compare the systems.
    second = run("rlhf", "rankings=latest")
    assert second["inputs"]["labels"]
    answer("tasks_systems", "label_studio_systems", "heldout_labelers")
    judged = run("feedback", "labels=latest", "tasks=tasks_systems")
    assert {"base", "sft", "ppo", "ppo_ptx"} <= set(judged["win_rates"])
    decision = released(storage, root, here / "second")
    assert decision["reason"].startswith("win rate of 'ppo_ptx' against 'sft': ")

    # What the next reward model learns of is not those judgments.
    assert resolve(storage, root, "rankings") == rankings
    assert resolve(storage, root, "rankings_systems") != rankings
