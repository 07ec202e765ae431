"""A Python that has its imports behind it, and from which the steps of a run are forked.

Four seconds of a step are imports of torch, transformers, MLflow and Great Expectations, and a
quickstart has sixteen steps (docs/adr/0006). Here one process imports them once; each step is a
fork of it, with the working folder, environment, streams and exit code that a process of its own
would have, and imports this project's code itself.

Only where a fork is safe: on Linux, without an accelerator (a driver that was asked before a fork
does not work after it). Elsewhere, and where anything goes wrong, steps start as ever.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pipelines import step_client

#: What steps import that takes long. Libraries only: an edit of this project is seen by the next
#: step, as its code version is.
LIBRARIES = (
    "boto3",
    "great_expectations",
    "kfp.dsl.executor",
    "mlflow.store.tracking.sqlalchemy_store",
    "pandas",
    "pyarrow.parquet",
    "torch",
    "transformers.modeling_utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.gpt2.modeling_gpt2",
)
#: Devices of accelerators: NVIDIA, AMD, others, and GPUs under WSL.
ACCELERATORS = ("/dev/nvidiactl", "/dev/kfd", "/dev/accel", "/dev/dxg")
#: Seconds in which a client has to say what it wants.
PATIENCE = 10.0


def possible() -> bool:
    """Whether steps may be forked here; ``INSTRUCTFLOW_WARM_START=0`` says no."""
    return (
        sys.platform == "linux"
        and os.environ.get("INSTRUCTFLOW_WARM_START", "1") != "0"
        and not any(Path(device).exists() for device in ACCELERATORS)
    )


@contextlib.contextmanager
def warm_python(errors: TextIO, libraries: tuple[str, ...] = LIBRARIES) -> Iterator[str]:
    """The path of an executable to start steps with; real Python where no fork is possible.

    Its process ends with this block, or with this process, however that ends.

    Args:
        errors: a file where the warm process says what went wrong.
        libraries: modules to import beforehand.
    """
    if not possible():
        yield sys.executable
        return
    with (
        tempfile.TemporaryDirectory(prefix="instructflow-") as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        address = f"{folder}/steps.sock"
        if not _listens(listener, address):
            yield sys.executable
            return
        words = [sys.executable, "-I", "-S", step_client.__file__, address, sys.executable]
        executable = Path(folder) / "python3"
        executable.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        executable.chmod(0o700)
        if not os.access(executable, os.X_OK):  # temporary files may not be run here
            yield sys.executable
            return
        server = subprocess.Popen(
            [sys.executable, "-m", "pipelines.warm_start", str(listener.fileno()), *libraries],
            pass_fds=[listener.fileno()],
            # Ctrl-C is for its clients. It goes when this pipe closes, be it by a kill.
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=errors,
            stderr=errors,
            env=os.environ | {"_KFP_RUNTIME": "true"},
        )
        # The server's alone: if it dies, so do connections, and steps start as ever.
        listener.close()
        try:
            yield str(executable)
        finally:
            server.kill()
            server.wait()


def _listens(listener: socket.socket, address: str) -> bool:
    """Whether clients wait for their answer from now on: a path has room for 100 bytes or so."""
    try:
        listener.bind(address)
    except OSError:
        return False
    listener.listen(16)
    return True


# --- the warm process


@dataclass(frozen=True)
class Request:
    """What a client wants to have run."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    #: Descriptors of its standard input, output and error.
    streams: list[int]


class Server:
    """Forks a process for every client, tells it how that ended, ends it if the client is gone."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        #: Process id and connection, by the descriptor that becomes readable at its end.
        self._steps: dict[int, tuple[int, socket.socket]] = {}

    def serve(self) -> Request | None:
        """Returns in every forked process, with its request; in this one (None) at the end."""
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(0, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:  # nobody writes there: the run has ended
                    for pid, _ in self._steps.values():
                        os.kill(pid, signal.SIGTERM)
                    return None
                request = key.data(key.fileobj)
                if request is not None:
                    return request  # type: ignore[no-any-return]

    def _accept(self, _: Any) -> Request | None:
        connection, _ = self._listener.accept()
        try:
            request = receive(connection)
        except (OSError, ValueError, KeyError):
            connection.close()
            return None
        with warnings.catch_warnings():
            # Threads that libraries started are no danger: those libraries restart them in a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            self._leave(connection)
            return request
        for stream in request.streams:
            os.close(stream)
        end = os.pidfd_open(pid)
        self._steps[end] = (pid, connection)
        self._selector.register(end, selectors.EVENT_READ, self._ended)
        self._selector.register(connection, selectors.EVENT_READ, self._client_gone)
        with contextlib.suppress(OSError):
            connection.sendall(f"{pid}\n".encode())
        return None

    def _ended(self, end: int) -> None:
        pid, connection = self._steps.pop(end)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        self._selector.unregister(end)
        connection.close()
        os.close(end)

    def _client_gone(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        for pid, other in self._steps.values():
            if other is connection:
                os.kill(pid, signal.SIGKILL)

    def _leave(self, connection: socket.socket) -> None:
        """In a forked process: let go of what belongs to the server and to other steps."""
        self._selector.close()
        self._listener.close()
        connection.close()
        for end, (_, other) in self._steps.items():
            os.close(end)
            other.close()


def receive(connection: socket.socket) -> Request:
    """A client's request. Raises OSError or ValueError where it is none."""
    connection.settimeout(PATIENCE)
    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    if len(head) != 8 or len(streams) != 3:
        raise ValueError("no request")
    data = b""
    size = int.from_bytes(head, "big")
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ValueError("a request that was cut short")
        data += part
    connection.settimeout(None)
    return Request(**json.loads(data), streams=streams)


def become(request: Request) -> None:
    """Make this forked process the one that the client stands for, and run the step in it."""
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    # Where temporary files go was asked of the environment that is gone.
    tempfile.tempdir = None
    # A fork has its parent's random numbers; those of two steps must differ.
    random.seed()
    gc.enable()
    sys.argv = [step_client.MODULE, *request.arguments]
    runpy.run_module(step_client.MODULE, run_name="__main__", alter_sys=True)


def main() -> None:
    descriptor, *libraries = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as listener:
        gc.disable()
        for library in libraries:
            importlib.import_module(library)
        # What is there now stays to the end, and is shared with the steps as long as it is.
        gc.freeze()
        request = Server(listener).serve()
    if request is not None:
        become(request)


if __name__ == "__main__":
    main()
