"""Steps that are forked from a warm process behave like processes of their own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import step_client, warm_start

pytestmark = pytest.mark.skipif(not warm_start.possible(), reason="no step is forked here")

#: What the step does is its parameter; KFP runs the function as it runs a component's.
COMPONENT = """
from kfp import dsl

@dsl.component(base_image="python")
def act(code: str):
    exec(code, {})
"""
#: Every test ends well within this many seconds, or hangs.
LIMIT = 60


@pytest.fixture
def component(tmp_path: Path) -> Path:
    path = tmp_path / "ephemeral_component.py"
    path.write_text(COMPONENT)
    return path


@pytest.fixture
def python(tmp_path: Path) -> Iterator[str]:
    with (
        (tmp_path / "errors.txt").open("w") as errors,
        warm_start.warm_python(errors, libraries=("wave",)) as executable,
    ):
        yield executable
    assert (tmp_path / "errors.txt").read_text() == ""


def step(python: str, component: Path, code: str, **how: object) -> "subprocess.Popen[str]":
    """Start a step as KFP does."""
    request = {
        "inputs": {"parameterValues": {"code": code}},
        "outputs": {"outputFile": str(component.with_name("output.json"))},
    }
    command = [python, "-m", step_client.MODULE, "--component_module_path", str(component)]
    command += ["--executor_input", json.dumps(request), "--function_to_execute", "act"]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **how,  # type: ignore[call-overload]
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, list[str], str]:
    """Exit code, what the step itself printed (behind a "> "), and its errors."""
    out, err = process.communicate("from its input\n", timeout=LIMIT)
    return process.returncode, [x[2:] for x in out.splitlines() if x.startswith("> ")], err


def first(process: "subprocess.Popen[str]") -> str:
    """The first thing that the step itself prints."""
    assert process.stdout is not None
    return next(line[2:].strip() for line in process.stdout if line.startswith("> "))


LOOK = """
import os, sys
print(">", os.getcwd(), os.environ["MARK"], sys.stdin.readline().strip())
print(">", os.path.basename(sys.argv[0]), len(sys.argv), sorted(os.environ))
sys.stderr.write("to its errors")
"""


def test_a_step_sees_what_a_process_of_its_own_would(
    python: str, component: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.setenv("MARK", "x y")
    results = [
        finish(step(executable, component, LOOK, cwd=folder))
        for executable in (sys.executable, python)
    ]
    assert results[0] == results[1]
    code, said, err = results[1]
    assert code == 0
    assert said[0] == f"{folder} x y from its input"
    assert err == "to its errors"


def test_only_libraries_are_there_beforehand(python: str, component: Path) -> None:
    code = "import sys; print('>', [m in sys.modules for m in ('wave', 'components', 'aifc')])"
    assert finish(step(python, component, code))[1] == ["[True, False, False]"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(7)", 7),
        ("raise ValueError('a defect')", 1),
        ("import os; os._exit(3)", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_exit_codes_come_through(python: str, component: Path, code: str, expected: int) -> None:
    found, _, err = finish(step(python, component, code))
    assert found == expected
    assert ("a defect" in err) == ("defect" in code)


def test_steps_run_at_once_and_draw_other_random_numbers(python: str, component: Path) -> None:
    code = "import random, time; time.sleep(0.3); print('>', random.random())"
    steps = [step(python, component, code) for _ in range(3)]
    drawn = {finish(process)[1][0] for process in steps}
    assert len(drawn) == 3


def test_signals_reach_the_step(python: str, component: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
        "print('> ready', flush=True)\ntime.sleep(60)"
    )
    process = step(python, component, code)
    assert first(process) == "ready"
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 9


SLEEP = "import os, time; print('>', os.getpid(), flush=True); time.sleep(60)"


def test_a_step_whose_client_is_killed_ends(python: str, component: Path) -> None:
    process = step(python, component, SLEEP)
    pid = int(first(process))
    process.kill()
    assert gone(pid)
    # The next one is none the worse for it.
    assert finish(step(python, component, "print('> fine')"))[1] == ["fine"]


def test_steps_end_with_a_run_that_is_killed(component: Path, tmp_path: Path) -> None:
    """kill -9 of the process that holds the warm one."""
    script = (
        "import sys, time\nfrom pipelines.warm_start import warm_python\n"
        "with warm_python(sys.stderr, libraries=()) as python:\n"
        "    print(python, flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        process = step(owner.stdout.readline().strip(), component, SLEEP)
        pid = int(first(process))
        owner.kill()
    assert gone(pid)
    assert finish(process)[0] in (1, 143)


def test_without_the_warm_process_a_step_starts_as_ever(component: Path, tmp_path: Path) -> None:
    stand_in = tmp_path / "python3"
    words = f"{sys.executable} {step_client.__file__} {tmp_path / 'nobody.sock'} {sys.executable}"
    stand_in.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    stand_in.chmod(0o700)
    assert finish(step(str(stand_in), component, "print('> alone')"))[1] == ["alone"]
    version = subprocess.run([stand_in, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("Python 3.")


def test_it_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_WARM_START", "0")
    with (
        (tmp_path / "errors.txt").open("w") as errors,
        warm_start.warm_python(errors) as executable,
    ):
        assert executable == sys.executable


def test_a_long_path_of_temporary_files_starts_steps_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / ("long" * 30)
    disk.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    with (
        (tmp_path / "errors.txt").open("w") as errors,
        warm_start.warm_python(errors, ()) as executable,
    ):
        assert executable == sys.executable
    assert [*disk.iterdir()] == []


def gone(pid: int) -> bool:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
