"""How the MLflow server is started: a database's password is for its process alone."""

import io
import subprocess
from typing import Any

import pytest
from rich.console import Console

from pipelines import ui

SECRET = "hunter2-and-more"


def test_the_store_is_named_in_the_environment_and_not_in_the_list_of_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = f"postgresql://mlflow:{SECRET}@127.0.0.1:1/mlflow"
    started: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], env: dict[str, str], **_: Any) -> Any:
        started.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(ui, "page", lambda port: f"http://127.0.0.1:{port}")
    monkeypatch.setattr(ui.subprocess, "run", run)
    shown = io.StringIO()
    ui.serve(5000, Console(file=shown))
    ((command, environment),) = started
    assert not [part for part in command if SECRET in part]
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri
    assert SECRET not in shown.getvalue()


def test_the_login_of_a_server_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://me:{SECRET}@mlflow.example.org/x")
    shown = io.StringIO()
    ui.serve(5000, Console(file=shown, width=200))
    assert shown.getvalue() == "MLflow is at https://***@mlflow.example.org/x\n"
