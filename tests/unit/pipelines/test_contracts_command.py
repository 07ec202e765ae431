"""``instructflow contracts`` as people call it: output and exit codes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data_contracts import contract as contracts


def instructflow(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "contracts", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[3]), "COLUMNS": "120"},
    )


def test_shipped_contracts_are_sound() -> None:
    done = instructflow("check")
    assert done.returncode == 0, done.stdout
    assert "no fault" in done.stdout
    assert "rows of rejects@1 are read as rejects@2" in done.stdout
    for name in contracts.names():
        assert name in done.stdout


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A second version of prompts that renames a column and knows one more split."""
    text = (contracts.FOLDER / "prompts" / "v1.yaml").read_text("utf-8")
    text = text.replace("version: 1", "version: 2").replace("name: tokens,", "name: token_count,")
    path = tmp_path / "v2.yaml"
    path.write_text(text.replace("[train, validation, test]", "[train, validation, test, dev]"))
    return path


def test_breaking_changes_exit_with_one_and_say_whom_they_break(second: Path) -> None:
    done = instructflow("check", "prompts@1", str(second))
    assert done.returncode == 1
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "tokens renamed to token_count readers, writers" in lines
    assert "split value(s) that readers do not know: dev readers" in lines
    assert lines[-1] == (
        "prompts@1 -> prompts@2: 2 changes, 2 that break readers, 1 that breaks writers; "
        "rows of prompts@1 cannot be read as prompts@2"
    )


def test_changes_that_break_nobody_exit_with_zero() -> None:
    done = instructflow("check", "rejects@1", "rejects@2")
    assert done.returncode == 0
    assert "1 change, none that breaks anybody" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "prompts@1"], "expected two, OLD NEW"),
        (["check", "prompts@1", "prompts@9"], "no version '9'; there are: 1"),
        (["check", "prompts@1", "gone.yaml"], "gone.yaml: cannot be read"),
        (["show", "poems"], "no contract for the dataset 'poems'"),
    ],
)
def test_user_errors_are_one_message_and_exit_code_two(arguments: list[str], words: str) -> None:
    done = instructflow(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_show_tells_fields_rules_and_classes() -> None:
    done = instructflow("show", "raw_prompts")
    assert done.returncode == 0
    for words in ("raw_prompts@1", "personal", "90 days", "identifier", "messages[].content"):
        assert words in done.stdout
    assert "messages[last].role: equals user" in done.stdout


def test_list_has_every_version() -> None:
    done = instructflow("list")
    assert done.returncode == 0
    assert "rejects@1" in done.stdout
    assert "rejects@2" in done.stdout


def test_faults_exit_with_one_and_a_fresh_version_is_released(tmp_path: Path) -> None:
    """In a copy of the packages: a released version changed, a class not stated."""
    top = Path(__file__).parents[3]
    for package in ("components", "data_contracts", "pipelines"):
        shutil.copytree(top / package, tmp_path / package)
    environment = {"PATH": "", "PYTHONPATH": str(tmp_path), "COLUMNS": "120"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines.cli", "contracts", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    file = tmp_path / "data_contracts" / "scores" / "v1.yaml"
    sound = file.read_text()
    file.write_text(sound.replace("pii: none, unique", "unique").replace("max: 300", "max: 200"))
    done = run("check")
    assert done.returncode == 1
    assert "scores@1, subject: a string that may hold anything; state its pii" in done.stdout
    assert "scores@1: was changed after its release" in done.stdout
    assert "2 faults" in done.stdout
    refused = run("lock")
    assert refused.returncode == 2
    assert "scores@1 was changed after its release" in refused.stderr
    # As a version of its own it is welcome.
    file.write_text(sound)
    second = sound.replace("version: 1", "version: 2").replace("max: 300", "max: 400")
    file.with_name("v2.yaml").write_text(second)
    assert run("check").returncode == 1
    assert "scores@2: released" in run("lock").stdout
    assert run("check").returncode == 0
