import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from components.core import delivery
from components.core.delivery import Delivery, Point, Refused


@dataclass
class Server:
    """A server that can be switched off, refuse, and lose its answers."""

    points: list[Point] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    away: bool = False
    #: Sends that are stored but answered with an error.
    lost_answers: int = 0
    connections: int = 0

    def connect(self) -> "Connection":
        self._check()
        self.connections += 1
        return Connection(self)

    def _check(self) -> None:
        if self.away:
            raise ConnectionError("nobody is here\nand pages of driver talk")


class Connection:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.last_steps: dict[str, int] = {}
        for point in server.points:
            self.last_steps[point.key] = max(self.last_steps.get(point.key, -1), point.step)

    def send(self, points: Sequence[Point]) -> None:
        self.server._check()
        if any(point.key == "bad" for point in points):
            raise Refused("no such key")
        self.server.points.extend(points)
        if self.server.lost_answers:
            self.server.lost_answers -= 1
            raise TimeoutError("no answer")

    def beat(self) -> None:
        self.server.calls.append("beat")

    def call(self, name: str) -> None:
        self.server._check()
        if name == "refused":
            raise Refused("never")
        if name == "broken":
            raise OSError("the artifact store is away")
        self.server.calls.append(name)


Open = Callable[[Server], Delivery[Connection]]


@pytest.fixture
def open_delivery() -> Iterator[Open]:
    opened: list[Delivery[Connection]] = []

    def make(server: Server) -> Delivery[Connection]:
        opened.append(Delivery(server.connect, "the server", period=0.02))
        return opened[-1]

    yield make
    for one in opened:
        one.close(limit=0.05)


def points(first: int, last: int, key: str = "loss") -> list[Point]:
    return [Point(key, float(step), step, 0) for step in range(first, last + 1)]


def test_all_arrive_in_order(open_delivery: Open) -> None:
    server = Server()
    box = open_delivery(server)
    for point in points(1, 2500):
        box.point(point)
    box.operation(lambda sink: sink.call("text"))
    assert box.close(limit=5) == 0
    assert server.points == points(1, 2500)
    assert "text" in server.calls
    assert server.connections == 1


def test_an_outage_loses_and_doubles_nothing(
    open_delivery: Open, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(away=True)
    box = open_delivery(server)
    for point in points(1, 1500):
        box.point(point)
    box.operation(lambda sink: sink.call("text"))
    assert not box.flush(limit=0.2)
    server.away = False
    assert box.flush(limit=5)
    server.away = True
    for point in points(1501, 1600):
        box.point(point)
    assert not box.flush(limit=0.2)
    server.away = False
    assert box.close(limit=5) == 0
    assert server.points == points(1, 1600)
    assert server.calls.count("text") == 1
    warnings = [r.getMessage() for r in caplog.records]
    assert len(warnings) == 2, "one warning an outage"
    assert "the server does not answer (ConnectionError: nobody is here); " in warnings[0]


def test_a_lost_answer_doubles_nothing(open_delivery: Open) -> None:
    server = Server(lost_answers=1)
    box = open_delivery(server)
    for point in points(1, 10):
        box.point(point)
    assert box.close(limit=5) == 0
    assert server.points == points(1, 10)
    assert server.connections == 2


def test_what_the_server_holds_is_not_sent_again(open_delivery: Open) -> None:
    """A resumed run repeats the steps after its checkpoint."""
    server = Server(points=points(1, 7))
    box = open_delivery(server)
    for point in points(5, 10) + points(5, 6, key="other"):
        box.point(point)
    assert box.close(limit=5) == 0
    assert server.points == points(1, 10) + points(5, 6, key="other")


def test_what_is_refused_is_dropped_and_told(
    open_delivery: Open, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    box = open_delivery(server)
    box.point(Point("bad", 1.0, 1, 0))
    assert box.flush(limit=5)
    box.operation(lambda sink: sink.call("refused"))
    box.point(Point("good", 1.0, 1, 0))
    assert box.close(limit=5) == 2
    assert [point.key for point in server.points] == ["good"]
    assert "refused 1 metrics or artifacts: no such key" in caplog.text


def test_one_broken_artifact_holds_up_nothing_else(open_delivery: Open) -> None:
    server = Server()
    box = open_delivery(server)
    box.operation(lambda sink: sink.call("broken"))
    box.operation(lambda sink: sink.call("fine"))
    box.point(Point("loss", 1.0, 1, 0))
    assert box.close(limit=1) == 1
    assert server.calls.count("fine") == 1
    assert len(server.points) == 1


def test_memory_is_bounded_in_a_long_outage(
    open_delivery: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_BYTES", 100)
    monkeypatch.setattr(delivery, "MAX_POINTS", 50)
    server = Server(away=True)
    box = open_delivery(server)
    time.sleep(0.1)  # a round fails, which puts back what it took
    for point in points(1, 120):
        box.point(point)
    for number in range(10):
        box.operation(lambda sink, number=number: sink.call(str(number)), size=40)  # type: ignore[misc]
    server.away = False
    lost = box.close(limit=5)
    assert server.points == points(71, 120), "the newest are kept"
    assert [call for call in server.calls if call != "beat"] == ["8", "9"]
    assert lost == 70 + 8


def test_nobody_waits_for_a_server_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    def connect() -> Connection:
        release.wait(10)
        return Connection(Server())

    box = Delivery(connect, "the server", period=0.02)
    started = time.monotonic()
    for point in points(1, 1000):
        box.point(point)
    assert box.sink(limit=0.05) is None
    assert not box.flush(limit=0.05)
    lost = box.close(limit=0.2)
    assert time.monotonic() - started < 1
    assert lost == 1000
    assert "1000 metrics and artifacts were lost" in caplog.text
    release.set()
