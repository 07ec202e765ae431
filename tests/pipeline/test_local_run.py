"""A pipeline under the local runner: shown, remembered, taken up, and its failures told."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kfp import dsl
from rich.console import Console

from components.core import version
from components.core.image import IMAGE
from components.core.storage import Storage
from pipelines import local, runs

#: Where ``counting_stage`` lies, the small stage of the tests of launch.
STAGES = Path(__file__).parents[1] / "unit" / "core"


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def counting(
    config: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("policy", str)]):  # type: ignore[valid-type]
    """Count."""
    from components.core.launch import run_component

    outputs = run_component("counting_stage", config, {}, manifest, metrics, page)
    return (outputs["policy"],)


@dsl.pipeline(name="counting-once")  # type: ignore[untyped-decorator]
def counting_once(config: str) -> str:
    return counting(config=config).outputs["policy"]  # type: ignore[no-any-return]


@pytest.fixture
def folder(
    storage: Storage, root: str, mlflow_store: str, tmp_path: Path, monkeypatch: Any
) -> Path:
    """Where the run's state lies; services are those of the tests."""
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    monkeypatch.setenv("INSTRUCTFLOW_CODE_VERSION", "of the test")
    version.code_version.cache_clear()
    # Of a run of one step, imports beforehand are no gain; whole runs in tests/e2e have them.
    monkeypatch.setenv("INSTRUCTFLOW_WARM_START", "0")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", root.rpartition("/")[2])
    top = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(top), str(STAGES), *sys.path]))
    monkeypatch.chdir(tmp_path)
    return local.STATE / "counting"


def run(**config: Any) -> tuple[runs.Run, list[str]]:
    """The run, and what was shown without a terminal."""
    screen = io.StringIO()
    arguments = {"config": json.dumps(config)}
    found = local.run_pipeline("counting", counting_once, arguments, Console(file=screen))
    return found, screen.getvalue().splitlines()


def test_a_run_is_shown_remembered_and_not_done_twice(folder: Path) -> None:
    first, shown = run(steps=3)
    assert first.status == "succeeded"
    assert first.report.startswith("s3://")
    assert list(first.seconds) == ["counting"]
    assert 0 < first.seconds["counting"] <= first.total
    assert shown[0] == f"run {first.id}, log {folder / 'log.txt'}"
    assert [line.split(", ")[0][:16] for line in shown[1:]] == [
        "counting: starte",
        "counting: done i",
    ]
    assert "INSTRUCTFLOW_RUN_ID" not in os.environ

    again, shown = run(steps=3)
    assert again == first
    assert shown[0].endswith("; goes on, steps done before: 1")
    assert shown[1].startswith(f"counting: done before, in {first.seconds['counting']:.1f} s")
    assert (folder / "log.txt").read_text().count("stage counting started") == 1

    other, _ = run(steps=4)
    assert other.fingerprint != first.fingerprint
    assert (folder / "log.txt").read_text().count("stage counting started") == 2


def test_a_failure_says_what_the_step_said(folder: Path) -> None:
    with pytest.raises(local.RunFailed) as caught:
        run(steps=4, fault="input")
    message, hint = str(caught.value).splitlines()
    assert message == ("counting: notes.jsonl, row 3: field 'id' is missing; expected a string")
    assert str(folder / "log.txt") in hint
    kept = runs.read(folder)
    assert kept is not None
    assert (kept.status, kept.steps) == ("failed", [])
    assert kept.total > 0
