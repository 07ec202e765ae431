"""What KFP's local runner starts in place of Python: asks the warm process to run the step.

``step_client.py SOCKET PYTHON ARGUMENT...`` behaves as ``PYTHON ARGUMENT...``: same output, exit
code and signals. Where the warm process is not there, it becomes that Python. Imports next to
nothing, as it runs once a step (see ``warm_start.py``).
"""

import json
import os
import signal
import socket
import sys

#: What the warm process runs; anything else that KFP may start gets a Python of its own.
MODULE = "kfp.dsl.executor_main"


def ask(address: str, arguments: list[str]) -> int | None:
    """The exit code of the step; None where nobody began to run it."""
    request = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    data = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
            socket.send_fds(connection, [len(data).to_bytes(8, "big")], [0, 1, 2])
            connection.sendall(data)
            answers = connection.makefile()
            step = int(answers.readline())
        except (OSError, ValueError):
            return None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(step, number))
        code = answers.readline()
    # The warm process died, and the step with it.
    return int(code) if code else 1


def main() -> None:
    address, python, *arguments = sys.argv[1:]
    if arguments[:2] == ["-m", MODULE]:
        code = ask(address, arguments[2:])
        if code is not None:
            sys.exit(code if code >= 0 else 128 - code)
    os.execv(python, [python, *arguments])


if __name__ == "__main__":
    main()
