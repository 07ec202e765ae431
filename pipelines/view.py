"""What a person sees while a pipeline runs here: one line a step, a bar for those at work.

It reads the plain lines that steps print (``components.core.progress``) and the runner's own
"Executing task" lines; every line also goes to the log file, unshortened.
"""

import io
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from components.core import progress

#: Printed by launch when a step ends: ``stage <label> done in <seconds>s key=value ...``.
_DONE = re.compile(r"^stage (?P<label>\S+) done in (?P<seconds>[\d.]+)s(?P<figures>.*)$")
_START = re.compile(r"^stage (?P<label>\S+) started$")
_SKIPPED = re.compile(r"Task .*?'(?P<task>[^']+)'.*(?:cache|Cache)")
_ERROR = re.compile(r"^error: (?P<message>.*)$")


@dataclass
class Step:
    """One line of the view."""

    label: str
    started: float
    state: str = "running"
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    figures: str = ""


@dataclass
class View(io.TextIOBase):
    """A text stream that steps print into: a live table, or plain lines without a terminal."""

    log: TextIO
    console: Console
    steps: dict[str, Step] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    skipped: int = 0
    _rest: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _live: Live | None = None

    def __enter__(self) -> "View":
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self.table, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.stop()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Take output of steps in pieces of any size; whole lines are acted on."""
        with self._lock:
            self.log.write(text)
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self.line(line)
        return len(text)

    def flush(self) -> None:
        self.log.flush()

    def line(self, line: str) -> None:
        """Act on one whole line of a step's output."""
        if update := progress.parse(line):
            step = self._step(update.stage)
            step.done, step.total = update.done, update.total
            step.figures = " ".join(f"{k} {v}" for k, v in update.figures.items())
        elif match := _START.match(line):
            self._step(match["label"])
            self._say(f"{match['label']}: started")
        elif match := _DONE.match(line):
            step = self._step(match["label"])
            step.state, step.seconds = "done", float(match["seconds"])
            step.figures = match["figures"].strip().replace("=", " ")
            self._say(f"{step.label}: done in {step.seconds:.1f}s  {step.figures}")
        elif match := _ERROR.match(line):
            self.failures.append(match["message"])
            self._say(f"error: {match['message']}")

    def table(self) -> Table:
        """The steps so far."""
        table = Table.grid(padding=(0, 2))
        for step in self.steps.values():
            running = step.state == "running"
            seconds = time.monotonic() - step.started if running else step.seconds
            mark = Text("•", "cyan") if running else Text("✓", "green")
            bar: ProgressBar | Text = Text("")
            if running and step.total:
                bar = ProgressBar(total=step.total, completed=step.done, width=24)
            table.add_row(mark, step.label, bar, f"{seconds:6.1f}s", Text(step.figures, "dim"))
        return table

    def _step(self, label: str) -> Step:
        return self.steps.setdefault(label, Step(label, time.monotonic()))

    def _say(self, text: str) -> None:
        if self._live is None:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def open_log(path: Path) -> TextIO:
    """The log file of a run; a resumed run appends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a", encoding="utf-8", buffering=1)
