"""The progress view reads the lines that steps and KFP's local runner print."""

import io
import json

import pytest
from rich.console import Console

from components.core.progress import Progress, parse
from components.core.work import WorkRecord
from pipelines.view import Finished, View

#: As KFP 2.17 prints them: coloured names, and steps' own lines indented.
EXECUTING = "16:13:00.256 - INFO - Executing task \x1b[96m'human-eval-export-2'\x1b[0m\n"
LINES = (
    EXECUTING + "    [KFP Executor 2026-01-01 16:13:00,298 INFO]: Got executor_input:\n"
    "    stage human_eval_export.systems started\n"
    "        progress human_eval_export.systems 1/4 system=sft\n"
    "    stage human_eval_export.systems done in 1.50s tasks=20 outputs=100 rejected=0\n"
)


class Shown:
    """A view without a terminal, and what it wrote."""

    def __init__(self, *earlier: Finished, width: int = 200) -> None:
        self.log, self.screen = io.StringIO(), io.StringIO()
        self.done: list[Finished] = []
        console = Console(file=self.screen, width=width)
        self.view = View(self.log, console, earlier=earlier, on_done=self.done.append)

    @property
    def lines(self) -> list[str]:
        return self.screen.getvalue().splitlines()


def test_progress_lines_survive_the_round_trip() -> None:
    stream = io.StringIO()
    Progress("ppo.ppo_ptx", interval=0, stream=stream).update(3, 80, reward=0.51234, note="a b")
    line = parse(stream.getvalue())
    assert line is not None
    assert (line.stage, line.done, line.total) == ("ppo.ppo_ptx", 3, 80)
    assert line.figures == {"reward": "0.5123", "note": "a_b"}
    assert parse("some other line") is None


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_step_is_one_line_whatever_pieces_its_output_comes_in(size: int) -> None:
    shown = Shown()
    with shown.view as view:
        for at in range(0, len(LINES), size):
            view.write(LINES[at : at + size])
    (step,) = view.steps
    assert (step.label, step.state, step.done, step.total) == (
        "human_eval_export.systems",
        "done",
        1,
        4,
    )
    (finished,) = shown.done
    assert finished.task == "human-eval-export-2"
    assert finished.figures == "tasks 20  outputs 100"
    assert shown.lines[0] == "human_eval_export.systems: started"
    assert shown.lines[1].startswith("human_eval_export.systems: done in 0.")
    assert len(shown.lines) == 2


def test_the_log_holds_every_line_without_colours() -> None:
    shown = Shown()
    with shown.view as view:
        view.write(LINES + "10%\r100%\nno newline at the end")
    log = shown.log.getvalue()
    assert "\x1b" not in log
    assert "Executing task 'human-eval-export-2'\n" in log
    assert "Got executor_input" in log
    assert log.endswith("100%\nno newline at the end\n")


def test_the_log_has_no_configs_but_all_else_of_a_step() -> None:
    shown = Shown()
    config = json.dumps({"people": {"berlin": ["wilma@corp.example"]}})
    values = {"config": config, "loop": [config, "{ " + config[1:]], "notes": "", "n": "{}"}
    text = json.dumps({"inputs": {"parameterValues": values}}, indent=4)
    with shown.view as view:
        view.write(text + "\nerror: ppo: got {'a': 1}; expected \"b\"\n")
    log, _, rest = shown.log.getvalue().rpartition("\nerror: ")
    assert json.loads(log)["inputs"]["parameterValues"] == {
        "config": "(a config)", "loop": ["(a config)"] * 2, "notes": "", "n": "{}",
    }  # fmt: skip
    assert rest == "ppo: got {'a': 1}; expected \"b\"\n"


def test_two_policies_at_once_are_two_lines() -> None:
    shown = Shown()
    with shown.view as view:
        view.write("x - INFO - Executing task 'ppo'\n" * 2)
        view.write("stage ppo.ppo_ptx started\n        stage ppo started\n")
        view.write("progress ppo 1/2\nstage ppo done in 1.0s reward=0.5\n")
        assert [(s.label, s.state) for s in view.steps] == [
            ("ppo.ppo_ptx", "running"),
            ("ppo", "done"),
        ]


def test_a_task_that_is_no_stage_ends_when_kfp_says_so() -> None:
    shown = Shown()
    with shown.view as view:
        view.write("x - INFO - Executing task 'resolve'\n")
        view.write("x - INFO - Task \x1b[96m'resolve'\x1b[0m finished with status SUCCESS\n")
        assert [(s.name, s.state) for s in view.steps] == [("resolve", "done")]


def test_what_the_cache_has_stands_with_its_earlier_line() -> None:
    before = Finished("sandbox-world", "sandbox_world", 6.5, "raw_prompts 10")
    shown = Shown(before)
    with shown.view as view:
        view.write("x - INFO - Task sandbox-world cache hit (key=6a5fb1ef395d); skipping.\n")
    assert shown.lines == ["sandbox_world: done before, in 6.5 s, raw_prompts 10"]
    assert shown.done == []


def test_what_another_run_did_is_told_with_its_figures() -> None:
    shown = Shown()
    done = WorkRecord(
        work="w",
        stage="sft",
        label="sft",
        run="r-1",
        seconds=17.04,
        figures={"loss": 5.28812, "validation_loss": 1452800.0},
        outputs={},
    )
    found: list[WorkRecord] = []
    shown.view.on_found = found.append
    shown.view.remembered = {"6a5fb1ef395d": done}.get
    with shown.view as view:
        view.write("x - INFO - Task sft cache hit (key=6a5fb1ef395d); skipping.\n")
        view.write("x - INFO - Task ppo cache hit (key=000000000000); skipping.\n")
    assert shown.lines == [
        "sft: done before, in 17.0 s, loss 5.288  validation_loss 1452800",
        "ppo: done before, in 0.0 s",
    ]
    assert found == [done]


def test_a_step_that_was_killed_is_named_as_the_cause() -> None:
    shown = Shown()
    with shown.view as view:
        view.write("x - INFO - Executing task 'sft'\nstage sft started\n")
        assert view.failure() == "sft: ended without a word (killed, or out of memory?)"
    assert view.steps[0].state == "failed"
    assert shown.lines[-1].startswith("sft: did not finish, after 0.")


def test_a_step_that_says_why_it_failed_is_quoted_once() -> None:
    shown = Shown()
    with shown.view as view:
        view.write("stage sft started\n    error: sft: demonstrations: none fits\n")
        assert view.failure() == "sft: demonstrations: none fits"


@pytest.mark.parametrize("terminal", [False, True])
def test_an_input_that_stays_empty_is_told(terminal: bool) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=60)
    line = f"input earlier stays empty: no dataset 'signatures' below s3://b/{'x' * 60}"
    with View(io.StringIO(), console) as view:
        view.write(f"x - INFO - Executing task 'resolve'\n    {line}\n")
    assert line in screen.getvalue()


def test_figures_that_tell_most_come_first_and_not_too_many() -> None:
    shown = Shown()
    with shown.view as view:
        view.write("stage ppo done in 1.0s updates=8 kl=2.5 reward=0.5 a=1\n")
        view.write("stage other done in 1.0s a=1 b=2 c=3 d=4\n")
    assert [s.figures for s in view.steps] == ["reward 0.5  kl 2.5", "a 1  b 2  c 3"]


def test_a_terminal_shows_the_newest_steps_that_fit_and_all_at_the_end() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60, height=6)
    with View(io.StringIO(), console) as view:
        for number in range(8):
            view.write(f"stage s{number} started\nstage s{number} done in 1.0s\n")
        view.write("stage last started\nprogress last 1/2 loss=0.5\n")
        assert view._visible().row_count <= 6
        assert view.table().row_count == 10
    end = screen.getvalue().rsplit("\x1b[2K", 1)[-1]
    assert all(f"s{number}" in end for number in range(8))
