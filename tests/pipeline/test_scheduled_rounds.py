"""One unchanging command, week after week: the first week there is nothing to go on from."""

import io
import json
from typing import Any

import pytest
from kfp import dsl
from rich.console import Console
from test_local_run import counting

from components.core.dataset import lineage
from components.core.pipeline_run import parent_run_id
from components.core.storage import Storage
from components.core.tracking import load_client
from pipelines import local, runs
from pipelines.resolve import resolve


@dsl.pipeline(name="rounds")  # type: ignore[untyped-decorator]
def rounds(config: str, base: str) -> str:
    """Each round is given what the last one published, as ``prompts`` is its signatures."""
    given = resolve(
        raw_prompts="", demonstrations="", documents="", rankings="", earlier="",
        previous_audit="", base=base,
    ).set_caching_options(False)  # fmt: skip
    return counting(config=config, notes=given.outputs["base"]).outputs["policy"]  # type: ignore[no-any-return]


pytestmark = pytest.mark.usefixtures("here")


def week(base: str, steps: int = 3) -> tuple[runs.Run, list[str]]:
    """A run, and the lines that were shown. What it publishes is the newest base."""
    screen = io.StringIO()
    arguments = {"config": json.dumps({"steps": steps, "system": "base"}), "base": base}
    console = Console(file=screen, width=200)
    run = local.run_pipeline("rounds", rounds, arguments, console, moving=True)
    return run, [line for line in screen.getvalue().splitlines() if line.startswith("input ")]


def mlflow_run(run: runs.Run) -> Any:
    return load_client()().get_run(parent_run_id(run.id))


@pytest.mark.filterwarnings("ignore")
def test_the_first_week_starts_from_nothing_and_the_next_from_it(
    storage: Storage, root: str
) -> None:
    first, told = week("latest-or-none")
    line = f"input base stays empty: no policy 'base' has been published below {root}"
    assert told == [line]
    assert line in (local.STATE / "rounds" / "log.txt").read_text()
    assert lineage(storage, first.report).parents == ()
    assert mlflow_run(first).data.params["counting.base.input.notes"] == "none"

    second, told = week("latest-or-none")
    assert told == []
    # A run of its own, with its own record: the first week's says what it said.
    assert second.id != first.id
    assert "counting.base.input.notes" not in mlflow_run(second).data.params
    assert mlflow_run(first).data.params["counting.base.input.notes"] == "none"
    assert mlflow_run(second).data.metrics["counting.base/notes"] == 1.0
    assert mlflow_run(first).data.metrics["counting.base/notes"] == 0.0

    # Nothing is new: nothing is done, and that is a run, too.
    third, _ = week("latest-or-none")
    assert third.id not in (first.id, second.id)
    assert list(third.borrowed) == ["counting.base"]
    assert mlflow_run(third).data.metrics["counting.base/loss"] > 0
    assert mlflow_run(third).info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore")
def test_latest_says_how_a_first_week_is_run(root: str) -> None:
    with pytest.raises(local.RunFailed) as caught:
        week("latest")
    message, _ = str(caught.value).splitlines()
    assert message == (
        f"resolve: no policy 'base' has been published below {root} (latest-or-none in place of "
        "latest leaves the input empty until there is one)"
    )
