"""Where steps keep what they need while they work, and that nothing of it stays."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipelines.scratch import scratch


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What TMPDIR names."""
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def test_it_is_gone_when_the_run_ends(disk: Path, state: Path) -> None:
    def interrupted() -> None:
        with scratch(state) as variables:
            place = Path(variables["TMPDIR"])
            assert place.parent == disk
            assert place.stat().st_mode & 0o077 == 0
            (place / "step").mkdir()
            (place / "step" / "texts").write_text("x")
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert [*disk.iterdir(), *state.iterdir()] == []


def test_what_a_killed_run_left_goes_before_the_next_one(disk: Path, state: Path) -> None:
    code = f"""
import os, pathlib, tempfile
tempfile.tempdir = {str(disk)!r}
from pipelines.scratch import scratch
with scratch(pathlib.Path({str(state)!r})) as variables:
    pathlib.Path(variables["TMPDIR"], "texts").write_text("x")
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    (left,) = disk.iterdir()
    assert (left / "texts").is_file()
    with scratch(state) as variables:
        assert [*disk.iterdir()] == [Path(variables["TMPDIR"])]
        assert not left.exists()


def test_only_a_scratch_folder_is_removed(disk: Path, state: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for noted in (str(mine), "", "/", "."):
        (state / "scratch").write_text(noted)
        with scratch(state):
            assert mine.is_dir()
