"""A pipeline under the local runner: shown, remembered, taken up, and its failures told."""

import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kfp import dsl
from rich.console import Console

from components.core.dataset import lineage
from components.core.image import IMAGE
from components.core.manifest import MANIFEST, parse_reference
from components.core.pipeline_run import parent_run_id
from components.core.storage import Storage
from components.core.tracking import load_client
from pipelines import local, runs


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def counting(
    config: str,
    notes: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("policy", str)]):  # type: ignore[valid-type]
    """Count."""
    from components.core.launch import run_component

    outputs = run_component("counting_stage", config, {"notes": notes}, manifest, metrics, page)
    return (outputs["policy"],)


@dsl.pipeline(name="counting-once")  # type: ignore[untyped-decorator]
def counting_once(config: str) -> str:
    return counting(config=config, notes="").outputs["policy"]  # type: ignore[no-any-return]


@dsl.pipeline(name="counting-twice")  # type: ignore[untyped-decorator]
def counting_twice(first: str, aside: str, second: str) -> str:
    one = counting(config=first, notes="")
    counting(config=aside, notes="")  # nothing is made of what it publishes
    two = counting(config=second, notes=one.outputs["policy"])
    return two.outputs["policy"]  # type: ignore[no-any-return]


@pytest.fixture
def folder(here: None) -> Path:
    """Where the run's state lies."""
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


def test_who_stands_in_a_config_is_in_nothing_that_a_run_leaves(
    folder: Path, storage: Storage, root: str, tmp_path: Path
) -> None:
    person = "wilma.kessler001"
    found, _ = run(steps=3, people={"berlin": [f"{person}@corp-example.net"]})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    left = {str(path): path.read_bytes() for path in files}
    left |= {info.uri: storage.get_bytes(info.uri) for info in storage.list(f"{root}/")}
    assert any(name.endswith("/config.json") for name in left)
    assert [name for name, data in left.items() if person.encode() in data] == []
    params = load_client()().get_run(parent_run_id(found.id)).data.params
    assert params["counting.people"] == "1 values under 1 keys (not shown: personal)"
    # What the log is read for is in it.
    assert b"Got executor_input" in left[str(tmp_path / folder / "log.txt")]


def run_twice(fresh: bool = False, **second: Any) -> tuple[runs.Run, list[str]]:
    screen = io.StringIO()
    arguments = {
        "first": json.dumps({"steps": 3, "system": "first"}),
        "aside": json.dumps({"steps": 2, "system": "aside"}),
        "second": json.dumps({"system": "second"} | second),
    }
    console = Console(file=screen, width=200)
    found = local.run_pipeline("counting", counting_twice, arguments, console, fresh)
    return found, screen.getvalue().splitlines()


def test_a_step_that_another_run_did_is_not_done_again(folder: Path, storage: Storage) -> None:
    before, _ = run_twice(steps=3)
    after, shown = run_twice(steps=4)
    assert after.id != before.id or after.fingerprint != before.fingerprint
    (line,) = [line for line in shown if line.startswith("counting.first: done before, in ")]
    assert "loss 0." in line or "loss 1." in line
    every = {"counting.first", "counting.aside", "counting.second"}
    assert set(before.seconds) == every
    assert set(after.borrowed) == every - {"counting.second"}
    assert list(after.seconds) == ["counting.second"]
    client = load_client()()
    # In MLflow the two runs stand side by side with all their figures and settings.
    first, second = (client.get_run(parent_run_id(run.id)).data for run in (before, after))
    assert second.metrics["counting.first/loss"] == first.metrics["counting.first/loss"]
    assert second.params["counting.first.steps"] == "3"
    assert second.params["counting.aside.steps"] == "2"
    assert second.metrics["counting.aside/loss"] == first.metrics["counting.aside/loss"]
    assert (first.params["counting.second.steps"], second.params["counting.second.steps"]) == (
        "3", "4",
    )  # fmt: skip
    # What such a step cost is no cost of this run.
    assert "seconds/counting.first" not in second.metrics

    # What is not in S3 any more is made again.
    policy = lineage(storage, after.report).parents[0].reference
    storage.delete([f"{parse_reference(policy).prefix}/{MANIFEST}"])
    again, shown = run_twice(steps=5)
    assert again.status == "succeeded"
    assert set(again.seconds) == every - {"counting.aside"}

    # Asked to, a run does everything itself.
    anew, _ = run_twice(steps=5, fresh=True)
    assert set(anew.seconds) == every
    assert anew.report == again.report
