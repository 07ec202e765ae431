"""Run a pipeline here: the same DAG, the same S3 and MLflow code as on a cluster.

What a cluster has standing (S3, MLflow) is brought up where the environment names none, and the
steps are told by the same standard variables. Finished steps of an unfinished run are not done
again: KFP's local cache is kept per run, and a run is taken up by its fingerprint.
"""

import contextlib
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from components.core.config import canonical_json, sha256_hex
from components.core.errors import UserError
from pipelines.view import View, open_log

STATE = Path(".instructflow")
BUCKET = "instructflow"


class RunFailed(UserError):
    """A step of a pipeline failed; says which and why, and where the log is."""


@dataclass
class Run:
    """One pipeline run as kept in ``run.json``."""

    id: str
    fingerprint: str
    status: str = "running"
    #: Wall seconds of each step, also of those that an earlier attempt finished.
    seconds: dict[str, float] = field(default_factory=dict)
    #: Wall seconds of the attempts, added up.
    total: float = 0.0
    #: Reference of the report, once there is one.
    report: str = ""


@contextlib.contextmanager
def services() -> Iterator[dict[str, str]]:
    """The environment of steps: S3 and MLflow, started here where none is named.

    Yields the variables; they are set in ``os.environ`` while inside.
    """
    from pipelines.embedded import EmbeddedS3

    with contextlib.ExitStack() as stack:
        found = dict(os.environ)
        wanted: dict[str, str] = {}
        if not found.get("AWS_ENDPOINT_URL") and not found.get("AWS_ACCESS_KEY_ID"):
            server = stack.enter_context(EmbeddedS3(STATE / "s3"))
            wanted |= server.environment()
        endpoint = wanted.get("AWS_ENDPOINT_URL") or found.get("AWS_ENDPOINT_URL", "")
        if endpoint:
            wanted.setdefault("MLFLOW_S3_ENDPOINT_URL", endpoint)
        if not found.get("MLFLOW_TRACKING_URI"):
            database = (STATE / "mlflow" / "mlflow.db").absolute()
            database.parent.mkdir(parents=True, exist_ok=True)
            wanted["MLFLOW_TRACKING_URI"] = f"sqlite:///{database}"
        wanted.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        wanted.setdefault("INSTRUCTFLOW_ROOT", found.get("INSTRUCTFLOW_ROOT", f"s3://{BUCKET}"))
        old = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            from components.core.storage import Storage

            Storage.from_environment().ensure_bucket(bucket_of(wanted["INSTRUCTFLOW_ROOT"]))
            yield wanted
        finally:
            for name, value in old.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def bucket_of(root: str) -> str:
    """``bucket`` of ``s3://bucket/prefix``."""
    return root.removeprefix("s3://").split("/", 1)[0]


def run_pipeline(
    name: str,
    pipeline: Callable[..., Any],
    arguments: Mapping[str, Any],
    console: Console,
    fresh: bool = False,
) -> Run:
    """Run a KFP pipeline with the local runner and show its progress.

    Args:
        name: state lies under ``.instructflow/<name>/``.
        pipeline: the ``@dsl.pipeline`` function.
        arguments: its parameters; with the code version they are the run's fingerprint.
        console: where progress is shown.
        fresh: start anew even if an unfinished run of the same work exists.

    Raises:
        RunFailed: a step failed.
    """
    from kfp import local

    from components.core.tracking import end_pipeline
    from components.core.version import code_version

    folder = STATE / name
    fingerprint = sha256_hex(canonical_json([name, dict(arguments), code_version()]))
    run = _take_up(folder, fingerprint, fresh)
    os.environ["INSTRUCTFLOW_RUN_ID"] = run.id
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder / "kfp" / run.id),
        enable_caching=True,
    )
    log = folder / "log.txt"
    # Bound to the terminal now: while steps run, stdout is the view itself.
    console.file = sys.stdout
    started = time.monotonic()
    error: Exception | None = None
    with open_log(log) as stream, View(stream, console) as view:
        with contextlib.redirect_stdout(view), _quiet_kfp(view):
            try:
                run.report = pipeline(**arguments).output
            except Exception as caught:  # kfp raises bare RuntimeErrors for failed tasks
                error = caught
        run.seconds |= {s.label: s.seconds for s in view.steps.values() if s.state == "done"}
    run.total += time.monotonic() - started
    run.status = "failed" if error else "succeeded"
    _keep(folder, run)
    with contextlib.suppress(UserError):  # a store that is down does not undo the run
        end_pipeline(run.id, "FAILED" if error else "FINISHED")
    if error is not None:
        reason = view.failures[-1] if view.failures else f"{type(error).__name__}: {error}"
        raise RunFailed(f"{reason}\nThe log is {log}; run the same command again to go on.")
    return run


def _take_up(folder: Path, fingerprint: str, fresh: bool) -> Run:
    """The run kept in the folder if it is of the same work, else a new one."""
    path = folder / "run.json"
    if path.is_file() and not fresh:
        with contextlib.suppress(ValueError, TypeError):
            run = Run(**json.loads(path.read_text()))
            if run.fingerprint == fingerprint:
                return run
    run = Run(id=f"{folder.name}-{time.strftime('%Y%m%d-%H%M%S')}", fingerprint=fingerprint)
    _keep(folder, run)
    return run


def _keep(folder: Path, run: Run) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "run.json.part"
    part.write_text(json.dumps(vars(run), indent=2) + "\n")
    part.replace(folder / "run.json")


@contextlib.contextmanager
def _quiet_kfp(view: View) -> Iterator[None]:
    """KFP's own chatter goes to the log file; the view shows the steps."""
    handler = logging.StreamHandler(view)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers, root.level = [handler], logging.INFO
    with warnings.catch_warnings():
        # It doubts that our image holds Python, and that requests for memory mean anything here.
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            root.handlers, root.level = before, level
