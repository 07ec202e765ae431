"""The doctor: each fault is one finding that says how to mend it, and no secret is printed."""

import importlib.metadata
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from rich.console import Console

from pipelines import doctor
from pipelines.doctor import Finding, diagnose, render

SECRET = "hunter2"


def shown(findings: list[Finding]) -> str:
    text = io.StringIO()
    render(findings, Console(file=text, width=300))
    assert all(finding.name in text.getvalue() for finding in findings)
    return text.getvalue()


def check_with(patch: pytest.MonkeyPatch, name: str) -> Finding:
    patch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name]})
    (finding,) = diagnose()
    assert SECRET not in shown([finding])
    return finding


@pytest.mark.usefixtures("storage")
def test_a_whole_machine_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", "s3://instructflow-test/root")
    findings = diagnose()
    assert [finding.name for finding in findings if finding.failed] == []
    assert {finding.name for finding in findings} >= {"Python", "torch", "KFP", "S3", "MLflow"}
    assert "ready" in shown(findings)


@pytest.mark.usefixtures("storage")
def test_s3_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("INSTRUCTFLOW_ROOT", "s3://never-made/root")
        assert "no bucket 'never-made'" in check_with(patch, "S3").found
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        wrong = check_with(patch, "S3")
        assert wrong.failed
        assert "AWS_SECRET_ACCESS_KEY" in wrong.mend
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://user:{SECRET}@127.0.0.1:1")
        down = check_with(patch, "S3")
        assert "cannot be reached" in down.found
        assert "AWS_ENDPOINT_URL" in down.mend


class _Tracking(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == "Bearer good"
        self.send_response(200 if allowed else 401)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def tracking() -> Iterator[str]:
    """The address of a server that takes one token."""
    server = HTTPServer(("127.0.0.1", 0), _Tracking)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_mlflow(tracking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    assert "MLFLOW_TRACKING_TOKEN" in check_with(monkeypatch, "MLflow").mend
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "good")
    assert check_with(monkeypatch, "MLflow").status == "ok"


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1",
        f"postgresql://mlflow:{SECRET}@127.0.0.1:1/mlflow",
        "sqlite:////never/made/mlflow.db",
        "some/folder",
    ],
)
def test_mlflow_that_is_not_there(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    finding = check_with(monkeypatch, "MLflow")
    assert finding.failed
    assert finding.mend


def test_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["kfp>=999", "never-made-package", "pytest; extra == 'dev'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: needed)
    finding = check_with(monkeypatch, "packages")
    assert "not >=999" in finding.found
    assert "never-made-package is missing" in finding.found
    assert "constraints.txt" in finding.mend


def test_a_check_that_breaks_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> doctor.Answer:
        raise ZeroDivisionError("odd machine")

    def is_missing() -> doctor.Answer:
        raise ModuleNotFoundError("No module named 'kfp'")

    checks = {"a": breaks, "KFP": is_missing, "Python": doctor.CHECKS["Python"]}
    monkeypatch.setattr(doctor, "CHECKS", checks)
    odd, missing, python = diagnose()
    assert odd.failed
    assert "odd machine" in odd.found
    assert "pip install" in missing.mend
    assert python.status == "ok"
    assert "2 to mend" in shown([odd, missing, python])
