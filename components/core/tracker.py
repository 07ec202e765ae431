"""What a stage tells about itself, whoever listens: metrics, figures, tables, texts.

``RecordingTracker`` keeps it in memory, ``BufferedTracker`` hands it to a ``Delivery``.
"""

import io
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from components.core.config import Scalar
from components.core.delivery import Delivery, Point, Sink

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_log = logging.getLogger(__name__)

Status = Literal["FINISHED", "FAILED", "KILLED"]
Row = Mapping[str, Scalar]

#: Longest wait for the server when a stage ends, in seconds; when the server is away; and after a
#: signal, as Kubernetes leaves Python half a second.
FINISH_LIMIT = 30.0
AWAY_LIMIT = 10.0
KILLED_LIMIT = 0.3


class Tracker(Protocol):
    """Where a stage reports. No call raises or waits for a server that is away."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Points of series, at steps that grow. What is not finite is left out, with a warning."""

    def headline(self, values: Mapping[str, float]) -> None:
        """Figures of the whole stage; they stand on the pipeline's run, too, as ``stage/name``."""

    def params(self, flat: Mapping[str, Scalar]) -> None:
        """Settings, as dotted keys."""

    def earlier(
        self, stage: str, figures: Mapping[str, float], params: Mapping[str, Scalar]
    ) -> None:
        """A step that this one builds on and another run did: for the pipeline's run alone."""

    def text(self, text: str, path: str) -> None:
        """A text artifact."""

    def figure(self, figure: "Figure", path: str) -> None:
        """A matplotlib figure as an artifact; ``path`` ends with .png or .svg. Drawn at once."""

    def table(self, rows: Sequence[Row], path: str) -> None:
        """Rows as an artifact that the UI shows as a table; ``path`` ends with .json."""

    def dataset(self, reference: str, context: str) -> None:
        """An input (``context`` "input", or what it was used for, "training")."""

    def flush(self, limit: float = 5.0) -> bool:
        """Wait, at most ``limit`` seconds, until all is sent: before a checkpoint, say.

        False where it is not; a server that is away is not waited for.
        """

    @property
    def last_step(self) -> int | None:
        """The last step that an earlier attempt of this work logged; None where there is none."""

    def finish(self, status: Status, reason: str = "") -> None:
        """The stage ended. ``reason`` says why where it failed; no text of prompts, no secrets."""


@dataclass
class RecordingTracker:
    """A tracker that remembers, for tests."""

    points: list[tuple[str, float, int]] = field(default_factory=list)
    headlines: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, Scalar] = field(default_factory=dict)
    before: dict[str, dict[str, float]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    figures: dict[str, bytes] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    datasets: list[tuple[str, str]] = field(default_factory=list)
    status: Status | None = None
    reason: str = ""

    def series(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of one series."""
        return [(step, value) for name, value, step in self.points if name == key]

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        self.points.extend((key, float(value), step) for key, value in values.items())

    def headline(self, values: Mapping[str, float]) -> None:
        self.headlines.update(values)

    def params(self, flat: Mapping[str, Scalar]) -> None:
        self.parameters.update(flat)

    def earlier(
        self, stage: str, figures: Mapping[str, float], params: Mapping[str, Scalar]
    ) -> None:
        self.before[stage] = dict(figures)

    def text(self, text: str, path: str) -> None:
        self.texts[path] = text

    def figure(self, figure: "Figure", path: str) -> None:
        self.figures[path] = draw(figure, path)

    def table(self, rows: Sequence[Row], path: str) -> None:
        self.tables[path] = list(rows)

    def dataset(self, reference: str, context: str) -> None:
        self.datasets.append((reference, context))

    def flush(self, limit: float = 5.0) -> bool:
        return True

    @property
    def last_step(self) -> int | None:
        return max((step for _, _, step in self.points), default=None)

    def finish(self, status: Status, reason: str = "") -> None:
        self.status, self.reason = status, reason


class RunSink(Sink, Protocol):
    """A connection to one run of a tracking server. Everything may be done twice."""

    def headline(self, values: Mapping[str, float]) -> None: ...
    def params(self, flat: Mapping[str, Scalar]) -> None: ...
    def earlier(
        self, stage: str, figures: Mapping[str, float], params: Mapping[str, Scalar]
    ) -> None: ...
    def dataset(self, reference: str, context: str) -> None: ...
    def artifact(self, data: bytes, path: str) -> None: ...
    def table(self, data: bytes, path: str) -> None: ...
    def finish(self, status: Status, reason: str) -> None: ...


class BufferedTracker:
    """A tracker whose reports a background thread delivers."""

    def __init__(self, delivery: Delivery[RunSink]) -> None:
        self._delivery = delivery
        self._warned: set[str] = set()

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        now = time.time_ns() // 1_000_000
        for key, value in self._finite(values).items():
            self._delivery.point(Point(key, value, step, now))

    def headline(self, values: Mapping[str, float]) -> None:
        finite = self._finite(values)
        self._delivery.operation(lambda sink: sink.headline(finite))

    def params(self, flat: Mapping[str, Scalar]) -> None:
        copy = dict(flat)
        self._delivery.operation(lambda sink: sink.params(copy))

    def earlier(
        self, stage: str, figures: Mapping[str, float], params: Mapping[str, Scalar]
    ) -> None:
        finite, copy = self._finite(figures), dict(params)
        self._delivery.operation(lambda sink: sink.earlier(stage, finite, copy))

    def text(self, text: str, path: str) -> None:
        data = text.encode("utf-8")
        self._delivery.operation(lambda sink: sink.artifact(data, path), len(data))

    def figure(self, figure: "Figure", path: str) -> None:
        data = draw(figure, path)
        self._delivery.operation(lambda sink: sink.artifact(data, path), len(data))

    def table(self, rows: Sequence[Row], path: str) -> None:
        data = split_table(rows).encode("utf-8")
        self._delivery.operation(lambda sink: sink.table(data, path), len(data))

    def dataset(self, reference: str, context: str) -> None:
        self._delivery.operation(lambda sink: sink.dataset(reference, context))

    def flush(self, limit: float = 5.0) -> bool:
        return not self._delivery.away and self._delivery.flush(limit)

    @property
    def last_step(self) -> int | None:
        sink = self._delivery.sink(limit=10.0)
        return max(sink.last_steps.values(), default=None) if sink else None

    def finish(self, status: Status, reason: str = "") -> None:
        limit = FINISH_LIMIT if self._delivery.sink(limit=0.0) else AWAY_LIMIT
        self._delivery.operation(lambda sink: sink.finish(status, reason))
        self._delivery.close(KILLED_LIMIT if status == "KILLED" else limit)

    def _finite(self, values: Mapping[str, float]) -> dict[str, float]:
        """Values as floats; MLflow would store an infinity as 1.8e308."""
        finite = {}
        for key, value in values.items():
            number = float(value)
            if math.isfinite(number):
                finite[key] = number
            elif key not in self._warned:
                self._warned.add(key)
                _log.warning("metric %s is %s: not logged (said once)", key, number)
        return finite


def draw(figure: "Figure", path: str) -> bytes:
    """A figure as the bytes of a file with the suffix of ``path``."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.rpartition(".")[2], bbox_inches="tight")
    return buffer.getvalue()


def split_table(rows: Sequence[Row]) -> str:
    """Rows in the JSON form of MLflow's tables: columns once, then values by row."""
    columns: dict[str, Any] = dict.fromkeys(key for row in rows for key in row)
    data = [[row.get(column) for column in columns] for row in rows]
    return json.dumps({"columns": list(columns), "data": data}, ensure_ascii=False)
