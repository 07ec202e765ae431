"""The progress view reads the lines that steps print."""

import io

from rich.console import Console

from components.core.progress import Progress, parse
from pipelines.view import View


def test_progress_lines_survive_the_round_trip() -> None:
    stream = io.StringIO()
    Progress("ppo.ppo_ptx", interval=0, stream=stream).update(3, 80, reward=0.51234, note="a b")
    line = parse(stream.getvalue())
    assert line is not None
    assert (line.stage, line.done, line.total) == ("ppo.ppo_ptx", 3, 80)
    assert line.figures == {"reward": "0.5123", "note": "a_b"}
    assert parse("some other line") is None


def test_lines_in_pieces_are_acted_on_whole_and_kept_in_the_log() -> None:
    log, shown = io.StringIO(), io.StringIO()
    view = View(log, Console(file=shown, width=200))
    text = "stage sft started\nprogress sft 1/4 loss=2\nstage sft done in 1.50s loss=1.2\n"
    with view:
        for piece in (text[:10], text[10:37], text[37:]):
            view.write(piece)
    assert log.getvalue() == text
    step = view.steps["sft"]
    assert (step.state, step.seconds, step.figures) == ("done", 1.5, "loss 1.2")
    assert "sft: done in 1.5s" in shown.getvalue()


def test_errors_are_kept_for_the_end() -> None:
    view = View(io.StringIO(), Console(file=io.StringIO()))
    view.write("error: sft: demonstrations: none fits\n")
    assert view.failures == ["sft: demonstrations: none fits"]
