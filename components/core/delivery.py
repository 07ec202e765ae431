"""Sends to a server that may be away, from a background thread, with bounded memory.

The caller only appends and never waits. A crash loses at most ``period`` seconds of points; an
outage loses nothing until the bounds are reached, then the oldest first.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from components.core.scrub import one_line

_log = logging.getLogger(__name__)

#: Points that are kept while the server is away (about 20 MB), and bytes of other things.
MAX_POINTS = 100_000
MAX_BYTES = 64 * 1024 * 1024
#: Points that are sent at once without waiting for the period to end (MLflow's batch).
BATCH = 1000
#: Longest pause between two tries while the server is away, seconds.
MAX_PAUSE = 60.0


class Refused(Exception):
    """The server answered and will never take this; trying again is of no use."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series; ``time`` in milliseconds since 1970."""

    key: str
    value: float
    step: int
    time: int


class Sink(Protocol):
    """A connection to the server."""

    @property
    def last_steps(self) -> Mapping[str, int]:
        """Last step of each series that the server held when the connection was made."""

    def send(self, points: Sequence[Point]) -> None:
        """Store points, all or an exception."""

    def beat(self) -> None:
        """Called in each round that sent something."""


S = TypeVar("S", bound=Sink)


@dataclass(frozen=True)
class _Operation(Generic[S]):
    run: Callable[[S], None]
    size: int


class Delivery(Generic[S]):
    """A queue of points and operations, and the thread that empties it.

    A series' steps must grow: after a connection was lost, and in a resumed run, points up to the
    last step that the server holds are taken for sent. Operations have to be repeatable.
    """

    def __init__(self, connect: Callable[[], S], what: str, period: float = 5.0) -> None:
        """``what`` names the server in warnings; ``period``: seconds between two rounds."""
        self._connect = connect
        self._what = what
        self._period = period
        self._sink: S | None = None
        self._points: deque[Point] = deque(maxlen=MAX_POINTS)
        self._operations: deque[_Operation[S]] = deque()
        self._bytes = 0
        self._lost = 0
        self._asked = 1  # one round at once, which connects
        self._closing = False
        self._given_up = False
        self._failing = False
        #: What the round at work took, None between rounds.
        self._taken: int | None = None
        self._changed = threading.Condition()
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def point(self, point: Point) -> None:
        """Queue a point."""
        with self._changed:
            self._lost += len(self._points) == MAX_POINTS
            self._points.append(point)
            if len(self._points) % BATCH == 0:
                self._asked += 1
                self._changed.notify_all()

    def operation(self, run: Callable[[S], None], size: int = 0) -> None:
        """Queue anything else; ``size``: bytes that it holds in memory."""
        with self._changed:
            self._operations.append(_Operation(run, size))
            self._bytes += size
            while self._bytes > MAX_BYTES and len(self._operations) > 1:
                self._bytes -= self._operations.popleft().size
                self._lost += 1

    def sink(self, limit: float) -> S | None:
        """The connection, or None where there is none within ``limit`` seconds."""
        self._connected.wait(limit)
        return self._sink

    @property
    def away(self) -> bool:
        """Whether the server did not answer when it was last asked."""
        return self._failing

    def flush(self, limit: float) -> bool:
        """Send all that is queued; False where that did not work within ``limit`` seconds."""
        end = time.monotonic() + limit
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._empty(), max(0.0, end - time.monotonic()))

    def close(self, limit: float) -> int:
        """Send what is queued and end the thread. Returns how many things were lost."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(limit)
        with self._changed:
            self._given_up = True
            lost = self._lost + len(self._points) + len(self._operations) + (self._taken or 0)
        if lost:
            _log.warning("%s: %d metrics and artifacts were lost", self._what, lost)
        return lost

    # --- the thread

    def _work(self) -> None:
        pause = self._period
        while True:
            with self._changed:
                if self._failing:
                    # In an outage only time and the end wake us.
                    self._changed.wait_for(lambda: self._closing, pause)
                    if self._closing:
                        pause = 0.2
                        self._changed.wait(pause)
                else:
                    self._changed.wait_for(lambda: self._asked or self._closing, pause)
                self._asked = 0
            sent = self._round()
            pause = self._period if sent else min(2 * pause, MAX_PAUSE)
            with self._changed:
                self._failing = not sent
                self._changed.notify_all()
                if self._given_up or (self._closing and sent and self._empty()):
                    return

    def _round(self) -> bool:
        """Send what is queued now; False where something has to be tried again."""
        with self._changed:
            points, self._points = self._points, deque(maxlen=MAX_POINTS)
            operations, self._operations = self._operations, deque()
            self._taken = len(points) + len(operations)
        try:
            return self._send(points, operations)
        finally:
            with self._changed:
                # Whatever is left of this round goes before what came meanwhile.
                room = MAX_POINTS - len(self._points)
                while len(points) > room:
                    points.popleft()
                    self._lost += 1
                self._points.extendleft(reversed(points))
                self._operations.extendleft(reversed(operations))
                self._bytes = sum(operation.size for operation in self._operations)
                self._taken = None

    def _send(self, points: deque[Point], operations: deque[_Operation[S]]) -> bool:
        """Empty both queues as far as possible."""
        try:
            if self._sink is None:
                self._sink = self._connect()
                self._connected.set()
            sink = self._sink
            busy = bool(points or operations)
            known = sink.last_steps
            while points:
                batch = [points[i] for i in range(min(BATCH, len(points)))]
                fresh = [p for p in batch if p.step > known.get(p.key, -1)]
                if fresh:
                    with self._unless_refused(len(fresh)):
                        sink.send(fresh)
                for _ in batch:
                    points.popleft()
            failed: list[_Operation[S]] = []
            problem: Exception | None = None
            while operations:
                # One artifact that cannot be stored does not hold up the others.
                try:
                    with self._unless_refused(1):
                        operations[0].run(sink)
                except Exception as error:
                    failed.append(operations[0])
                    problem = error
                operations.popleft()
            operations.extend(failed)
            if problem is not None:
                raise problem
            if busy:
                sink.beat()
        except Exception as error:
            if not self._failing:
                _log.warning(
                    "%s does not answer (%s); the step goes on, tracking is sent later",
                    self._what,
                    one_line(error),
                )
            self._failing = True
            # A new connection asks what arrived: an answer that was lost doubles nothing.
            self._sink = None
            return False
        return True

    @contextlib.contextmanager
    def _unless_refused(self, count: int) -> Iterator[None]:
        try:
            yield
        except Refused as error:
            self._lost += count
            _log.warning("%s refused %d metrics or artifacts: %s", self._what, count, error)

    def _empty(self) -> bool:
        return not self._points and not self._operations and self._taken is None
