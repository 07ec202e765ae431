"""Two weeks of prompts through the real command: each is cleaned, none is used twice."""

import json
import random
from pathlib import Path

import pytest
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


def publish(folder: Path, numbers: range) -> None:
    rows = [
        {"prompt": prompt(number), "user": f"user-of-{number % 30}", "time": number}
        for number in numbers
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = ["messages=prompt", "user_id=user", "time=time"]
    maps = [part for column in columns for part in ("--map", column)]
    done = command(folder, "pipelines.cli", "publish", "raw_prompts", "log.jsonl", *maps)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_round_leaves_out_what_the_last_one_used(tmp_path: Path) -> None:
    state = tmp_path / ".instructflow" / "real-prompts"
    publish(tmp_path, range(120))
    first = command(tmp_path, "pipelines.cli", "run", "prompts")
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stderr == ""
    counts = read_summary(state)["prompts"]
    assert (counts["raw"], counts["kept"], counts["rejected"]) == (120, 120, {})

    publish(tmp_path, range(90, 200))
    inputs = ["--input", "earlier=latest", "--input", "previous_audit=latest"]
    second = command(tmp_path, "pipelines.cli", "run", "prompts", *inputs)
    assert second.returncode == 0, second.stdout + second.stderr
    counts = read_summary(state)["prompts"]
    assert (counts["raw"], counts["kept"], counts["rejected"]) == (110, 80, {"earlier_round": 30})
    page = (state / "report.html").read_text()
    assert "earlier round" in page.lower().replace("_", " ")
    assert prompt(95) not in page
    assert "user-of-" not in page
