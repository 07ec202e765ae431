"""Two weeks of prompts through the real command: each is cleaned, none is used twice."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from small_runs import command
from small_runs import summary as read_summary

WORDS = [
    "river",
    "stone",
    "copper",
    "letter",
    "window",
    "garden",
    "engine",
    "paper",
    "market",
    "winter",
    "signal",
    "harbour",
]


def prompt(number: int) -> str:
    """Twelve words that no other number has in this order."""
    return " ".join(random.Random(number).choices(WORDS, k=12)) + f" in {number} lines"


#: What a schedule runs, the first week like any other.
WEEKLY = (
    *("run", "prompts"),
    *("--input", "earlier=latest-or-none"),
    *("--input", "previous_audit=latest-or-none"),
)


def publish(folder: Path, numbers: Sequence[int]) -> None:
    rows = [
        {"prompt": prompt(number), "user": f"user-of-{number % 30}", "time": time}
        for time, number in enumerate(numbers)
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = ["messages=prompt", "user_id=user", "time=time"]
    maps = [part for column in columns for part in ("--map", column)]
    done = command(folder, "pipelines.cli", "publish", "raw_prompts", "log.jsonl", *maps)
    assert done.returncode == 0, done.stderr


def mlflow_data(folder: Path, run: str) -> Any:
    store = folder / ".instructflow" / "mlflow" / "mlflow.db"
    return MlflowClient(f"sqlite:///{store}").get_run(run).data


@pytest.mark.slow
def test_a_round_leaves_out_what_the_last_one_used(tmp_path: Path) -> None:
    state = tmp_path / ".instructflow" / "real-prompts"
    publish(tmp_path, [*range(120), 5, 6])
    strict = command(tmp_path, "pipelines.cli", "run", "prompts", "--input", "earlier=latest")
    assert strict.returncode == 2
    assert "no dataset 'signatures' has been published below s3://" in strict.stderr
    assert "latest-or-none in place of latest leaves the input empty" in strict.stderr

    first = command(tmp_path, "pipelines.cli", *WEEKLY)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stderr == ""
    empty = [line for line in first.stdout.splitlines() if "stays empty" in line]
    assert [line.split(":")[0] for line in empty] == [
        "input earlier stays empty",
        "input previous_audit stays empty",
    ]
    told = read_summary(state)
    counts = told["prompts"]
    assert (counts["raw"], counts["kept"], counts["rejected"]) == (122, 120, {"duplicate": 2})
    first_run = mlflow_data(tmp_path, told["mlflow_run_id"])
    for name in ("earlier", "previous_audit", "policy"):
        assert first_run.params[f"prompts.input.{name}"] == "none"
    assert first_run.tags["mlflow.source.name"].endswith(" ".join(WEEKLY[2:]))

    publish(tmp_path, range(90, 200))
    second = command(tmp_path, "pipelines.cli", *WEEKLY)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "stays empty" not in second.stdout
    assert read_summary(state)["mlflow_run_id"] != told["mlflow_run_id"]
    counts = read_summary(state)["prompts"]
    assert (counts["raw"], counts["kept"], counts["rejected"]) == (110, 80, {"earlier_round": 30})
    assert set(told["inputs"]) == {"raw_prompts"}
    again = read_summary(state)
    assert set(again["inputs"]) == {"raw_prompts", "earlier", "previous_audit"}
    assert again["inputs"]["previous_audit"] == told["report"] == again["drift"]["previous"]
    assert told["drift"] == {}
    assert f"drift:   {again['drift']['told']}" in second.stdout
    assert f"prompts: drift {again['drift']['told']}" in (state / "log.txt").read_text()
    second_run = mlflow_data(tmp_path, read_summary(state)["mlflow_run_id"])
    assert [name for name in second_run.params if ".input." in name] == ["prompts.input.policy"]
    assert (first_run.metrics["prompts/kept"], second_run.metrics["prompts/kept"]) == (120, 80)
    # What the first week dropped is not told of the second.
    assert first_run.metrics["prompts/rejected.duplicate"] == 2
    assert second_run.metrics.get("prompts/rejected.duplicate", 0) == 0
    page = (state / "report.html").read_text()
    assert "earlier round" in page.lower().replace("_", " ")
    assert prompt(95) not in page
    assert "user-of-" not in page

    # Another key of the splits would move users: the third week does not begin with it.
    publish(tmp_path, range(200, 300))
    moved = command(tmp_path, "pipelines.cli", *WEEKLY, "--set", "prompts.split_key=another")
    assert moved.returncode == 2
    assert "prompts.split_key: changed since the last round" in moved.stderr
