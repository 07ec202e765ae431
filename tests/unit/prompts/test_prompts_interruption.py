"""A run that ends anywhere and is started again publishes what an undisturbed one does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from prompts_rows import logged
from small_stages import published, run_small

from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.engines.process import ProcessEngine
from components.prompts.stage import STAGE


class Killed(BaseException):
    """Stands for the end of the process."""


class Dying:
    """A storage that ends the process at its n-th write."""

    def __init__(self, storage: Storage, writes: int) -> None:
        self._storage, self._left = storage, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed

    def put_file(self, *arguments: Any, **options: Any) -> None:
        self._count()
        self._storage.put_file(*arguments, **options)

    def put_bytes(self, *arguments: Any, **options: Any) -> None:
        self._count()
        self._storage.put_bytes(*arguments, **options)


def test_ended_at_any_write_and_rerun(storage: Storage, root: str, tmp_path: Path) -> None:
    config = PromptsConfig.from_mapping({"user_cap": {"api": 20}})
    inputs = {"raw_prompts": published(storage, f"{root}/raw", "raw_prompts", logged(400))}
    undisturbed = run_small(STAGE, config, inputs, storage, f"{root}/a", tmp_path / "a")[0]
    # Each attempt gets one object farther than the one before, until one gets to the end.
    for attempt in range(40):
        dying: Any = Dying(storage, attempt)
        try:
            workdir = tmp_path / f"b{attempt}"
            rerun = run_small(STAGE, config, inputs, dying, f"{root}/b", workdir)[0]
        except Killed:
            continue
        break
    assert attempt >= 5
    assert _digests(rerun.references) == _digests(undisturbed.references)
    assert rerun.headline == undisturbed.headline


@pytest.mark.parametrize("step", ["look", "treat", "near_duplicates"])
def test_ended_within_a_map_nothing_is_published(
    step: str, storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = getattr(ProcessEngine, step)

    def broken(self: ProcessEngine, *arguments: Any) -> Any:
        if step == "near_duplicates":
            raise Killed
        return _until(whole(self, *arguments), 1)

    inputs = {"raw_prompts": published(storage, f"{root}/raw", "raw_prompts", logged(1500))}
    with monkeypatch.context() as patch:
        patch.setattr(ProcessEngine, step, broken)
        with pytest.raises(Killed):
            run_small(STAGE, PromptsConfig(), inputs, storage, f"{root}/b", tmp_path / "b")
    assert not list(storage.list(f"{root}/b/"))


def _until(batches: Any, count: int) -> Any:
    for number, batch in enumerate(batches):
        if number == count:
            raise Killed
        yield batch


def _digests(references: dict[str, str]) -> dict[str, str]:
    return {name: reference.rpartition("=")[2] for name, reference in references.items()}


@pytest.mark.slow
def test_killed_at_any_moment_and_rerun(storage: Storage, root: str, tmp_path: Path) -> None:
    """The real command, and a real SIGKILL."""
    reference = published(storage, f"{root}/raw", "raw_prompts", logged(20_000))
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "INSTRUCTFLOW_CODE_VERSION": "of the test",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
    }
    command = [sys.executable, "-m", "components.prompts", "--input", f"raw_prompts={reference}"]

    def start(place: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            env=environment | {"INSTRUCTFLOW_ROOT": f"{root}/{place}"},
            stdout=subprocess.PIPE,
            text=True,
        )

    def finish(place: str) -> str:
        process = start(place)
        printed, _ = process.communicate(timeout=600)
        assert process.returncode == 0
        return printed.replace(f"{root}/{place}", "")

    begun = time.monotonic()
    undisturbed = finish("a")
    seconds = time.monotonic() - begun
    for part in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
        process = start("b")
        time.sleep(part * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert finish("b") == undisturbed
