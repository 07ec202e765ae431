"""``latest`` after a run whose steps, or some of them, came from the step cache."""

import ast
import importlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kfp import dsl
from rich.console import Console

import components
from components.core.image import IMAGE
from components.core.references import make_latest, resolve
from components.core.storage import Storage, Unreachable
from pipelines import local, runs, step_cache

FOLDER = Path(str(components.__file__)).parent


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def noting(
    config: str,
    before: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("aside", str), ("note", str)]):  # type: ignore[valid-type]
    """Publish a text."""
    from components.core.launch import run_component

    outputs = run_component("noting_stage", config, {"before": before}, manifest, metrics, page)
    return (outputs["aside"], outputs["note"])


@dsl.pipeline(name="two-notes")  # type: ignore[untyped-decorator]
def two_notes(first: str, second: str) -> str:
    one = noting(config=first, before="")
    two = noting(config=second, before=one.outputs["note"])
    return two.outputs["note"]  # type: ignore[no-any-return]


pytestmark = [pytest.mark.usefixtures("here"), pytest.mark.filterwarnings("ignore")]


def run(first: str, second: str, name: str = "notes", **more: str) -> tuple[runs.Run, str]:
    """A run of two steps that publish texts under one name, and what was shown."""
    screen = io.StringIO()
    arguments = {
        "first": json.dumps({"text": first, "purpose": "first"} | more),
        "second": json.dumps({"text": second, "purpose": "second"} | more),
    }
    console = Console(file=screen, width=200)
    return local.run_pipeline(name, two_notes, arguments, console), screen.getvalue()


def test_latest_is_of_the_last_run_whoever_did_its_steps(storage: Storage, root: str) -> None:
    def latest(name: str = "export/shared") -> str:
        return resolve(storage, root, name)

    plain, _ = run("a", "b")
    aside = latest("report/aside")
    assert latest() == plain.report

    # An experiment, which is the last to publish, and then the plain run, which does no work.
    experiment, _ = run("c", "d", same="other")
    assert latest() == experiment.report != plain.report
    again, _ = run("a", "b")
    assert (again.report, again.seconds) == (plain.report, {})
    assert latest() == plain.report
    assert latest("report/aside") == aside

    # The first step is found and the second is done: the pointer ends at the second one's.
    half, _ = run("a", "e")
    assert list(half.seconds) == ["noting.second"]
    assert latest() == half.report

    # Another pipeline publishes, and the run is taken up with nothing left to do.
    elsewhere, _ = run("f", "g", name="elsewhere")
    assert latest() == elsewhere.report
    taken_up, _ = run("a", "e")
    assert (taken_up.id, taken_up.steps) == (half.id, half.steps)
    assert latest() == half.report


def test_a_found_step_points_to_what_it_published_and_not_to_who_made_it_first(
    storage: Storage, root: str
) -> None:
    # Two settings make the same aside, which names the first one's work, and different notes.
    run("a", "b", name="first-maker")
    second, _ = run("c", "d")
    run("x", "y", same="other")
    again, shown = run("c", "d")
    assert resolve(storage, root, "export/shared") == second.report
    # Nor is it shown as that one's work.
    assert [line.split(":")[0] for line in shown.splitlines()[1:]] == [
        "noting.first",
        "noting.second",
    ]
    assert sorted(again.borrowed) == ["noting.first", "noting.second"]


def test_a_store_that_fails_does_not_undo_the_run(
    storage: Storage, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise Unreachable("s3://b/latest: the store is away")

    run("a", "b")
    experiment, _ = run("c", "d")
    monkeypatch.setattr(step_cache, "make_latest", fails)
    again, shown = run("a", "b")
    assert again.status == "succeeded"
    assert (
        "latest does not name all that a step done before has published: "
        "s3://b/latest: the store is away\n"
    ) in shown
    assert resolve(storage, root, "export/shared") == experiment.report
    monkeypatch.setattr(step_cache, "make_latest", make_latest)
    run("a", "b")
    assert resolve(storage, root, "export/shared") == again.report


@pytest.mark.parametrize(
    "stage", sorted(path.parent.name for path in FOLDER.glob("*/component.py"))
)
def test_a_component_returns_all_that_its_stage_publishes(stage: str) -> None:
    """What KFP does not know, its cache cannot tell: ``latest`` of it would stay behind."""
    published = {
        call.args[0].value
        for path in (FOLDER / stage).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("dataset", "folder")
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "outputs"
        and isinstance(call.args[0], ast.Constant)
    }
    module = importlib.import_module(f"components.{stage}.component")
    specs = [found.component_spec for found in vars(module).values() if is_component(found)]
    returned = {name for spec in specs for name in spec.outputs} - {"manifest", "metrics", "page"}
    assert published
    assert published == returned


def is_component(found: object) -> bool:
    return hasattr(found, "component_spec")
