"""Fixtures of the tests of tracking and launch."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from components.core import version
from components.core.storage import Storage


@pytest.fixture
def client(mlflow_store: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of an experiment that nothing has written to."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", uuid.uuid4().hex)
    return MlflowClient(mlflow_store)


@pytest.fixture
def artifacts(tmp_path: Path) -> str:
    return tmp_path.as_uri()


@pytest.fixture
def surroundings(
    storage: Storage, root: str, mlflow_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of a step of the pipeline run "run-1"."""
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    # Its own experiment, as artifacts go below the root of whoever makes it.
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", root.rpartition("/")[2])
    monkeypatch.setenv("INSTRUCTFLOW_RUN_ID", "run-1")
    # A kill and its resumption are the same code, whatever is edited meanwhile.
    monkeypatch.setenv("INSTRUCTFLOW_CODE_VERSION", "of the test")
    version.code_version.cache_clear()
