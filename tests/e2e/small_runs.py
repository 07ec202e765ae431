"""The real command in a folder of its own, and settings that make its runs small."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

SMALL_WORLD = {
    "sandbox_world.users": 30,
    "sandbox_world.user_prompts_min": 20,
    "sandbox_world.user_prompts_max": 30,
    "sandbox_world.demonstrations": 100,
    "sandbox_world.documents": 800,
    "sandbox_world.test_documents": 40,
    "pretraining.steps": 20,
    "sft.epochs": 1,
    "comparisons.prompts": 60,
    "reward_model.epochs": 1,
    "ppo.iterations": 2,
    "comparison_of_systems.prompts": 20,
}


def settings(values: dict[str, Any]) -> list[str]:
    return [part for k, v in values.items() for part in ("--set", f"{k}={v}")]


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the package in a folder of its own, with no services named."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def start(
    folder: Path, output: IO[str], *arguments: str, **variables: str
) -> subprocess.Popen[str]:
    """The same, without waiting for its end, and with more variables in its environment."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment() | variables,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def environment() -> dict[str, str]:
    known = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "MLFLOW_"))}
    # Two attempts of a run are the same code, whatever is edited meanwhile.
    return known | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "INSTRUCTFLOW_CODE_VERSION": "of the test",
    }


def summary(folder: Path) -> Any:
    return json.loads((folder / "summary.json").read_text())
