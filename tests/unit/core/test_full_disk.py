"""A full disk is told as one, with the folder and what to do, whichever library met it."""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from counting_stage import STAGE
from launching import failure

from components.core import launch
from components.core.errors import UserError
from components.core.failure import telling_full_disk
from components.core.stage import Stage
from components.core.storage import Storage

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


def by_python() -> None:
    with FULL.open("w") as file:
        file.write("a row")


def by_arrow() -> None:
    with pa.OSFile(str(FULL), "wb") as sink:
        sink.write(b"a row")


def in_words_only() -> None:
    # As safetensors' Rust says it.
    raise RuntimeError('IoError(Os { code: 28, message: "No space left on device" })')


def over_quota() -> None:
    raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


@pytest.mark.parametrize("write", [by_python, by_arrow, in_words_only, over_quota])
def test_a_full_disk_names_scratch_and_tmpdir(
    write: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(UserError) as caught, telling_full_disk():
        write()
    told = str(caught.value)
    megabytes = f"{shutil.disk_usage(tmp_path).total / 2**20:,.0f}"
    assert told == (
        f"{tmp_path}: its disk ({megabytes} MB) is full; set TMPDIR to a folder on a larger one"
    )


def test_another_disk_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    with pytest.raises(UserError) as caught, telling_full_disk():
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "log.txt"))
    told = str(caught.value)
    assert told.startswith(f"{tmp_path}: its disk (")
    assert told.endswith(" MB) is full; make room there")


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "denied"),
        ValueError("a defect"),
        # That of the S3 server.
        UserError("S3 refused: No space left on device"),
    ],
)
def test_other_errors_stay_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, telling_full_disk():
        raise error
    assert caught.value is error


@pytest.mark.usefixtures("surroundings")
def test_a_step_ends_with_that_line(
    storage: Storage, root: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    module = type(sys)("filling")
    module.STAGE = Stage("filling", STAGE.config, lambda *_: by_arrow())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "filling", module)
    with pytest.raises(SystemExit):
        launch.run_component("filling", "{}", {}, None, None, None)
    folder = tempfile.gettempdir()
    shown = f"{folder}: its disk ("
    assert failure(storage, root, "filling.counting")["reason"].startswith(f"UserError: {shown}")
    assert f"error: filling: {shown}" in capsys.readouterr().out
