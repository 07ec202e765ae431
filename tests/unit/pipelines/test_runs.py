"""What is remembered of a run, and who may go on with it."""

import json
from pathlib import Path

import pytest

from pipelines import runs
from pipelines.view import Finished


def test_a_run_is_taken_up_by_the_same_work_only(tmp_path: Path) -> None:
    run = runs.take_up(tmp_path, "abc", fresh=False)
    run.steps.append(Finished("sft", "sft", 4.5, "loss 2"))
    run.total, run.status = 9.5, "failed"
    runs.keep(tmp_path, run)

    again = runs.take_up(tmp_path, "abc", fresh=False)
    assert (again.id, again.status, again.total) == (run.id, "running", 9.5)
    assert again.steps == run.steps
    assert again.seconds == {"sft": 4.5}
    for other in (
        runs.take_up(tmp_path, "other", fresh=False),
        runs.take_up(tmp_path, "abc", fresh=True),
    ):
        assert (other.steps, other.total) == ([], 0.0)


def test_a_run_that_succeeded_is_not_taken_up_where_its_inputs_move(tmp_path: Path) -> None:
    for status, taken in (("succeeded", False), ("failed", True), ("interrupted", True)):
        runs.keep(tmp_path, runs.Run("week-1", "abc", status=status))
        assert (runs.take_up(tmp_path, "abc", fresh=False, moving=True).id == "week-1") is taken
        assert runs.take_up(tmp_path, "abc", fresh=False).id == "week-1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "x"}', '{"steps": [{"no": "step"}]}'])
def test_what_cannot_be_read_is_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert runs.read(tmp_path) is None


def test_what_is_kept_is_plain_json(tmp_path: Path) -> None:
    run = runs.Run("quickstart-1", "abc", steps=[Finished("sft", "sft", 4.5, "loss 2")])
    runs.keep(tmp_path, run)
    kept = json.loads((tmp_path / "run.json").read_text())
    assert kept["steps"] == [{"task": "sft", "label": "sft", "seconds": 4.5, "figures": "loss 2"}]
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with runs.alone(tmp_path / "quickstart"):
        with (
            pytest.raises(runs.AlreadyRunning, match="quickstart is running already"),
            runs.alone(tmp_path / "quickstart"),
        ):
            pass
        with runs.alone(tmp_path / "real"):
            pass
    with runs.alone(tmp_path / "quickstart"):
        pass
