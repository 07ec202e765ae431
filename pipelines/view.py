"""What a person sees while a pipeline runs here: one line a step, a bar for those at work.

It reads the plain lines that steps print (``components.core.progress``, ``components.core.launch``)
and what KFP's runner says about tasks. Every line also goes to the log file, unshortened; but not
the configs that KFP prints, which may name people (``components.core.config.PERSONAL``).
"""

import io
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from components.core import progress
from components.core.work import WorkRecord

#: What KFP's local runner says about its tasks, and what launch prints of a stage or an input.
_TASK = re.compile(r"Executing task '(?P<task>[^']+)'$")
_ENDED = re.compile(r"Task '(?P<task>[^']+)' finished with status (?P<status>SUCCESS|FAILURE)$")
_CACHED = re.compile(r"Task (?P<task>\S+) cache hit \(key=(?P<key>\w+)")
_START = re.compile(r"^stage (?P<label>\S+) started$")
_DONE = re.compile(r"^stage (?P<label>\S+) done in [\d.]+s(?P<figures>.*)$")
_EMPTY = re.compile(r"^input \S+ stays empty: ")
_ERROR = re.compile(r"^error: (?P<message>.*)$")
#: JSON in a string of JSON: a config among the parameters of a step, as KFP's executor prints them.
_CONFIG = re.compile(r'"\{[^"]*\\".*"')
#: Colours and cursor movements of whatever a step runs.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

#: Seconds between two lines about the same step where there is no terminal.
PERIOD = 15.0
#: Figures that are shown of a step.
SHOWN = 3
#: Those that tell most about a stage; of other stages the first ones are shown.
TELLING = {
    "sandbox_world": ("raw_prompts", "demonstrations", "documents"),
    "pretraining": ("loss", "heldout_loss", "parameters"),
    "prompts": ("raw", "kept", "pii_canaries_found"),
    "sft": ("loss", "validation_loss", "base_validation_loss"),
    "human_eval_export": ("tasks", "outputs"),
    "sandbox_labelers": ("labels", "mean_likert"),
    "human_eval_import": ("agreement", "agreement_heldout", "accepted", "rejected"),
    "reward_model": ("accuracy", "accuracy_heldout_labelers", "loss"),
    "ppo": ("reward", "kl", "ptx_loss"),
    "evaluation": ("win_rate.ppo_ptx", "win_rate.ppo", "win_rate.base"),
}

State = Literal["running", "done", "before", "failed"]
_MARKS: dict[State, tuple[str, str]] = {
    "running": ("•", "cyan"),
    "done": ("✓", "green"),
    "before": ("✓", "dim"),
    "failed": ("✗", "red"),
}


@dataclass
class Finished:
    """A step that did its work, as a run remembers it."""

    #: KFP's name of the task, and the stage's label once it was told.
    task: str
    label: str
    #: From the start of its process to the end of its work.
    seconds: float
    figures: str


@dataclass
class Step:
    """One line of the view."""

    task: str
    started: float
    label: str = ""
    state: State = "running"
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    figures: str = ""
    #: When a line was last printed about it.
    said: float = 0.0

    @property
    def name(self) -> str:
        """The stage's label; until it is known, what the task is called."""
        return self.label or _stage(self.task)


@dataclass
class View(io.TextIOBase):
    """A text stream that steps print into: a live table, or plain lines without a terminal."""

    log: TextIO
    console: Console
    #: Steps that an earlier attempt finished: their lines are shown when the cache has them.
    earlier: Sequence[Finished] = ()
    #: Who did a step that the cache has, by the key of its entry; None where nobody knows.
    remembered: Callable[[str], WorkRecord | None] = lambda _: None
    #: Told of each step that ends well, and of each that another run did.
    on_done: Callable[[Finished], None] = lambda _: None
    on_found: Callable[[WorkRecord], None] = lambda _: None
    steps: list[Step] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _waiting: list[Finished] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _rest: str = ""
    _ended: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _live: Live | None = None

    def __enter__(self) -> "View":
        self._waiting = list(self.earlier)
        if self.console.is_interactive:
            self._live = Live(
                console=self.console, get_renderable=self._visible, refresh_per_second=4
            )
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            if self._rest:
                self.write("\n")
            for step in self.steps:
                if step.state == "running":
                    step.state, step.seconds = "failed", time.monotonic() - step.started
                    self._say(step, f"did not finish, after {step.seconds:.1f} s")
            self._ended = True
        if self._live is not None:
            self._live.stop()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Take output of steps in pieces of any size; whole lines are acted on."""
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                # A bar that rewrites its line: only its last form counts.
                plain = _ESCAPES.sub("", line).rpartition("\r")[2]
                self.log.write(_CONFIG.sub('"(a config)"', plain) + "\n")
                self.line(plain.strip())
        return len(text)

    def flush(self) -> None:
        self.log.flush()

    def line(self, line: str) -> None:
        """Act on one whole line; KFP indents those of steps, so it comes without white space."""
        if update := progress.parse(line):
            step = self._step(update.stage)
            step.done, step.total = update.done, update.total
            step.figures = _figures(update.stage, update.figures)
            if time.monotonic() - step.said > PERIOD:
                self._say(step, f"{step.done}/{step.total}", step.figures)
        elif match := _TASK.search(line):
            self.steps.append(Step(match["task"], time.monotonic()))
        elif match := _START.match(line):
            self._say(self._step(match["label"]), "started")
        elif match := _DONE.match(line):
            pairs = (part.partition("=") for part in match["figures"].split())
            figures = {name: value for name, _, value in pairs}
            self._done(self._step(match["label"]), _figures(match["label"], figures))
        elif match := _ENDED.search(line):
            # A task that is no stage says nothing else.
            for step in self.steps:
                if step.task == match["task"] and step.state == "running" and not step.label:
                    if match["status"] == "SUCCESS":
                        self._done(step, "")
                    break
        elif match := _CACHED.search(line):
            self._found(match["task"], match["key"])
        elif _EMPTY.match(line):
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        elif (match := _ERROR.match(line)) and match["message"] not in self.failures:
            self.failures.append(match["message"])

    def failure(self) -> str:
        """Why the run failed, as far as its steps said so; "" where none was at work."""
        if self.failures:
            return self.failures[-1]
        silent = " and ".join(step.name for step in self.steps if step.state == "running")
        return silent and f"{silent}: ended without a word (killed, or out of memory?)"

    def table(self) -> Table:
        """All steps so far."""
        return self._table(self.steps)

    def _visible(self) -> Table:
        """What fits on the screen, the newest steps; all of them once the run has ended."""
        if self._ended:
            return self.table()
        return self._table(self.steps[-max(1, self.console.height - 2) :])

    def _table(self, steps: Sequence[Step]) -> Table:
        table = Table.grid(padding=(0, 2), expand=True)
        # Room for the ^C that a terminal writes behind the last line: a wrap would leave a copy.
        table.width = self.console.width - 4
        for _ in range(3):
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for step in steps:
            sign, colour = _MARKS[step.state]
            running = step.state == "running"
            seconds = time.monotonic() - step.started if running else step.seconds
            told: Text | Table = Text(step.figures, "dim")
            if running and step.total:
                told = Table.grid(padding=(0, 2))
                count = Text(f"{step.done}/{step.total}")
                bar = ProgressBar(total=step.total, completed=step.done, width=20)
                told.add_row(bar, count, Text(step.figures, "dim", no_wrap=True))
            elif step.state == "before":
                told = Text(f"done before  {step.figures}", "dim")
            table.add_row(Text(sign, colour), step.name, f"{seconds:6.1f} s", told)
        if any(step.state == "running" for step in steps):
            whole = time.monotonic() - self._started
            table.add_row("", Text("in all", "dim"), Text(f"{whole:6.1f} s", "dim"), "")
        return table

    def _step(self, label: str) -> Step:
        """The line of a stage; the first task of its name that has no stage yet becomes its."""
        for step in self.steps:
            if step.label == label and step.state == "running":
                return step
        for step in self.steps:
            if not step.label and _stage(step.task) == label.partition(".")[0]:
                break
        else:
            step = Step(label, time.monotonic())
            self.steps.append(step)
        step.label = label
        return step

    def _done(self, step: Step, figures: str) -> None:
        step.state, step.seconds, step.figures = "done", time.monotonic() - step.started, figures
        self._say(step, f"done in {step.seconds:.1f} s", figures)
        self.on_done(Finished(step.task, step.name, round(step.seconds, 2), figures))

    def _found(self, task: str, key: str) -> None:
        """A task came from the cache: the line of who did it stands for it."""
        step = Step(task, time.monotonic(), state="before")
        for known in self._waiting:
            if known.task == task:
                self._waiting.remove(known)
                step.label, step.seconds, step.figures = known.label, known.seconds, known.figures
                break
        else:
            if found := self.remembered(key):
                step.label, step.seconds = found.label, found.seconds
                told = {name: progress.short(value) for name, value in found.figures.items()}
                step.figures = _figures(found.label, told)
                self.on_found(found)
        self.steps.append(step)
        self._say(step, f"done before, in {step.seconds:.1f} s", step.figures)

    def _say(self, step: Step, *words: str) -> None:
        step.said = time.monotonic()
        if self._live is None:
            text = ", ".join(word for word in words if word)
            self.console.print(
                f"{step.name}: {text}", markup=False, highlight=False, soft_wrap=True
            )


def _stage(task: str) -> str:
    """The stage that KFP's task ``human-eval-export-2`` runs: ``human_eval_export``."""
    return re.sub(r"-\d+$", "", task).replace("-", "_")


def _figures(label: str, figures: Mapping[str, str]) -> str:
    """The figures that tell most, as ``name value`` pairs."""
    wanted = [n for n in TELLING.get(label.partition(".")[0], ()) if n in figures]
    names = (wanted or [*figures])[:SHOWN]
    return "  ".join(f"{name} {figures[name]}" for name in names)


def open_log(path: Path) -> TextIO:
    """The log file of a run; a resumed run appends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a", encoding="utf-8", buffering=1)
