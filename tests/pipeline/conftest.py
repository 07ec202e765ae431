"""Runs of the local runner on the services of the tests."""

import os
import sys
from pathlib import Path

import pytest

from components.core import version
from components.core.storage import Storage

#: Where ``counting_stage`` lies, the small stage of the tests of launch.
STAGES = Path(__file__).parents[1] / "unit" / "core"


@pytest.fixture
def here(
    storage: Storage, root: str, mlflow_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs keep their state in this test's folder."""
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    monkeypatch.setenv("INSTRUCTFLOW_CODE_VERSION", "of the test")
    version.code_version.cache_clear()
    # Of a run of one step, imports beforehand are no gain; whole runs in tests/e2e have them.
    monkeypatch.setenv("INSTRUCTFLOW_WARM_START", "0")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", root.rpartition("/")[2])
    top = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(top), str(STAGES), *sys.path]))
    monkeypatch.chdir(tmp_path)
