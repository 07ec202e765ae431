"""Progress of long work as plain lines, which pods keep and the terminal view draws bars from.

A line is ``progress <stage> <done>/<total> key=value ...``: for people as it stands, and the only
thing the local view reads. At most one line every ``interval`` seconds, and always the last one.
"""

import math
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO

_LINE = re.compile(r"^progress (?P<stage>\S+) (?P<done>\d+)/(?P<total>\d+)(?P<figures>.*)$")


@dataclass
class Progress:
    """Writes progress lines for one stage."""

    stage: str
    #: Seconds between lines. One a second is smooth for eyes and cheap for logs.
    interval: float = 1.0
    stream: TextIO = field(default_factory=lambda: sys.stdout)
    _last: float = field(default=float("-inf"), init=False)

    def update(self, done: int, total: int, **figures: float | str) -> None:
        """Say that ``done`` of ``total`` steps are done, with figures such as ``loss=1.23``."""
        now = time.monotonic()
        if done < total and now - self._last < self.interval:
            return
        self._last = now
        tail = "".join(f" {name}={_value(value)}" for name, value in figures.items())
        print(f"progress {self.stage} {done}/{total}{tail}", file=self.stream, flush=True)

    def say(self, text: str) -> None:
        """One plain line for who reads the step's log."""
        print(f"{self.stage}: {text}", file=self.stream, flush=True)


@dataclass(frozen=True)
class ProgressLine:
    """A parsed progress line."""

    stage: str
    done: int
    total: int
    figures: Mapping[str, str]


def parse(line: str) -> ProgressLine | None:
    """The inverse of ``Progress.update``; None for any other line."""
    match = _LINE.match(line.rstrip("\n"))
    if match is None:
        return None
    pairs = (part.split("=", 1) for part in match["figures"].split() if "=" in part)
    return ProgressLine(match["stage"], int(match["done"]), int(match["total"]), dict(pairs))


def _value(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace(" ", "_")


def short(value: float) -> str:
    """A figure for people: counts in full, all else with four digits."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else f"{value:.4g}"
