"""The real command: exit codes, messages, no tracebacks."""

import subprocess
import sys

import pytest


def instructflow(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nonsense"], ["nonsense", "quickstart"]),
        (["run", "quickstart", "--profile", "nowhere"], ["nowhere", "quickstart"]),
        (["run", "quickstart", "--set", "sft.epoch=2"], ["sft.epoch", "unknown key", "2"]),
        (["run", "quickstart", "--set", "sft.epochs=many"], ["sft.epochs", "'many'", "integer"]),
        (["run", "quickstart", "--set", "sft.epochs"], ["sft.epochs", "dotted.path=value"]),
        (["run", "quickstart", "--set", "policies.p.klx=1"], ["policies.p.klx", "unknown key"]),
        (["run", "rlhf", "--input", "promts=x"], ["promts", "raw_prompts"]),
        (["run", "feedback"], ["--input labels=REFERENCE", "latest", "tasks (latest)", "key"]),
    ],
)
def test_user_errors_are_one_message_and_exit_code_two(
    arguments: list[str], words: list[str]
) -> None:
    done = instructflow(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.startswith("error: ")
    for word in words:
        assert word in done.stderr


def test_show_config_prints_every_field_and_the_override() -> None:
    done = instructflow("show-config", "--profile", "quickstart", "--set", "seed=7")
    assert done.returncode == 0
    assert "kl_coefficient:" in done.stdout
    # One seed for all stages that have one.
    assert done.stdout.count("seed: 7") > 8
    assert "seed: 0" not in done.stdout


@pytest.mark.parametrize("pipeline", ["quickstart", "rlhf", "feedback", "prompts"])
def test_compile_writes_a_pipeline(pipeline: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "dag.yaml"
    done = instructflow("compile", pipeline, "-o", str(path))
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    assert f"name: instructflow-{pipeline}" in text
    # The profile is in it, so that a cluster's run needs no parameters but references.
    assert "defaultValue: '{" in text
    assert ("to be given to a run: labels" in done.stdout) == (pipeline == "feedback")
