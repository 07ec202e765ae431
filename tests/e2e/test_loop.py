"""The whole loop through the real command, the real KFP runner, S3 and MLflow; cut small."""

from pathlib import Path

import pytest
from small_runs import SMALL_WORLD, command, settings
from small_runs import summary as read_summary

DATA = Path(__file__).parents[3] / "shared" / "data"
SMALL_REAL = {
    "pretraining.steps": 4,
    "pretraining.hidden": 48,
    "pretraining.layers": 1,
    "sft.epochs": 1,
    "comparisons.prompts": 4,
    "reward_model.epochs": 1,
    "ppo.iterations": 1,
    "ppo.batch_size": 8,
    "ppo.minibatch_size": 8,
    "comparison_of_systems.prompts": 4,
    "evaluation.documents": 20,
}


@pytest.mark.slow
def test_quickstart_in_small(tmp_path: Path) -> None:
    run = ["pipelines.cli", "run", "quickstart", *settings(SMALL_WORLD)]
    first = command(tmp_path, *run)
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]
    state = tmp_path / ".instructflow" / "quickstart"
    summary = read_summary(state)
    systems = {"base", "prompted", "sft", "ppo", "ppo_ptx"}
    assert set(summary["win_rates"]) == systems
    assert set(summary["gold"]) == systems
    assert summary["win_rates"]["sft"]["win_rate"] == 0.5
    assert set(summary["ppo"]) == {"ppo", "ppo_ptx"}
    prompts = summary["prompts"]
    assert prompts["raw"] == prompts["kept"] + sum(prompts["rejected"].values())
    assert prompts["pii_canaries"]["planted"] == prompts["pii_canaries"]["found"] > 0
    assert "<svg" in (state / "report.html").read_text()
    assert len(summary["mlflow_run_id"]) == 32
    # Piped, it is plain lines: one when a step starts, one when it is done.
    assert "\x1b" not in first.stdout
    steps = [line.partition(":")[0] for line in first.stdout.splitlines() if ": done in" in line]
    assert sorted(steps) == sorted(set(summary["seconds"]) - {"total"})
    assert first.stderr == ""

    # The same again does nothing again: every step comes from the cache of the finished run.
    log = (state / "log.txt").read_text().count(" started\n")
    again = command(tmp_path, *run)
    assert again.returncode == 0, again.stderr[-3000:]
    assert (state / "log.txt").read_text().count(" started\n") == log
    same = read_summary(state)
    assert same["win_rates"] == summary["win_rates"]
    assert same["report"] == summary["report"]
    assert same["seconds"] == summary["seconds"]
    assert again.stdout.count(": done before, in ") == len(summary["seconds"]) - 1

    # What it published can be inspected, with lineage.
    shown = command(tmp_path, "pipelines.cli", "inspect", summary["report"])
    assert shown.returncode == 0, shown.stderr
    assert "raw_prompts" in shown.stdout


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")
def test_real_data_in_small(tmp_path: Path) -> None:
    done = command(tmp_path, "pipelines.real", str(DATA), *settings(SMALL_REAL))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    summary = read_summary(tmp_path / ".instructflow" / "real")
    assert summary["prompts"]["raw"] == 1539 + 252
    prompts = summary["prompts"]
    assert prompts["raw"] == prompts["kept"] + sum(prompts["rejected"].values())
    # Of four prompts each: outputs to rank, and systems to compare.
    assert summary["tasks_exported"] == 8
    losses = summary["losses"]
    assert len(losses["pretraining"]) == SMALL_REAL["pretraining.steps"]
    assert 1 < len(losses["sft"]) <= 50
    assert losses["sft_validation"][-1] < losses["sft_validation"][0]
    assert summary["reward_model"]["accuracy_prompts"] >= 30
    assert summary["reward_model"]["accuracy_low"] <= summary["reward_model"]["accuracy"]
    assert set(summary["public_tasks"]) == {"base", "sft", "ppo_ptx"}
    assert set(summary["inputs"]) == {"raw_prompts", "demonstrations", "rankings", "pretraining"}
    course = summary["ppo"]["ppo_ptx"]
    assert len(course["kl"]) == len(course["reward"]) >= 2
    assert summary["win_rates"] == {}
    # What a user sees: no warnings of libraries, and a line for each file.
    assert done.stderr == ""
    assert done.stdout.count("published ") == 5
