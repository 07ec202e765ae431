"""Run a pipeline here: the same DAG, the same S3 and MLflow code as on a cluster.

What a cluster has standing (S3, MLflow) is brought up where the environment names none, and the
steps are told by the same standard variables. A step that was done before, in this run or in
another, is not done again; an unfinished run is taken up by its fingerprint.
"""

import builtins
import contextlib
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from components.core.config import canonical_json, sha256_hex
from components.core.errors import UserError
from components.core.failure import Terminated
from components.core.work import WorkRecord
from pipelines import interruption, runs
from pipelines.interruption import end_steps, interruptible
from pipelines.runs import Run
from pipelines.scratch import scratch
from pipelines.view import Finished, View, open_log
from pipelines.warm_start import warm_python

STATE = Path(".instructflow")
BUCKET = "instructflow"


class RunFailed(UserError):
    """A step of a pipeline failed; says which and why, and where the log is."""


@contextlib.contextmanager
def services() -> Iterator[dict[str, str]]:
    """The environment of steps: S3 and MLflow, started here where none is named.

    Yields the variables; they are set in ``os.environ`` while inside.
    """
    from pipelines.embedded import EmbeddedS3

    with contextlib.ExitStack() as stack:
        found = dict(os.environ)
        wanted: dict[str, str] = {}
        embedded = not found.get("AWS_ENDPOINT_URL") and not found.get("AWS_ACCESS_KEY_ID")
        if embedded:
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
        stack.enter_context(_exported(wanted))
        from components.core.launch import root_from_environment
        from components.core.storage import Storage

        storage, root = Storage.from_environment(), root_from_environment()
        if embedded:
            storage.ensure_bucket(bucket_of(root))
        else:
            # A missing bucket is an error: made here, a mistyped one would be a root where nothing
            # has been published yet.
            next(storage.list(f"{root}/"), None)
        yield wanted


def bucket_of(root: str) -> str:
    """``bucket`` of ``s3://bucket/prefix``."""
    return root.removeprefix("s3://").split("/", 1)[0]


def run_pipeline(
    name: str,
    pipeline: Callable[..., Any],
    arguments: Mapping[str, Any],
    console: Console,
    fresh: bool = False,
    moving: bool = False,
) -> Run:
    """Run a KFP pipeline with the local runner and show its progress.

    Args:
        name: state lies under ``.instructflow/<name>/``.
        pipeline: the ``@dsl.pipeline`` function.
        arguments: its parameters; with the code version they are the run's fingerprint.
        console: where progress is shown.
        fresh: do every step anew, whatever was done before.
        moving: what the parameters name may be something else today (``latest``), so a run that has
            succeeded is not taken up.

    Raises:
        RunFailed: a step failed.
        AlreadyRunning: another process runs it in this folder.
    """
    from components.core.version import code_version

    folder = STATE / name
    fingerprint = sha256_hex(canonical_json([name, dict(arguments), code_version()]))
    with runs.alone(folder):
        kept = runs.read(folder)
        run = runs.take_up(folder, fingerprint, fresh, moving)
        run.cache = run.cache or _cache_name(run, fresh)
        runs.keep(folder, run)
        _announce(run, kept, folder, console)
        end_steps(folder)
        try:
            error = _attempt(run, folder, pipeline, arguments, console)
        except (KeyboardInterrupt, Terminated):
            run.status = "interrupted"
            console.print("interrupted; the same command goes on from here", soft_wrap=True)
            _conclude(run, folder)
            raise
        run.status = "failed" if error else "succeeded"
        _conclude(run, folder)
    if error:
        raise RunFailed(
            f"{error}\nThe log is {folder / 'log.txt'}; run the same command again to go on."
        )
    return run


def _cache_name(run: Run, fresh: bool) -> str:
    """A folder for each version of the code; a fresh run has one to itself."""
    from components.core.version import code_version

    return sha256_hex(code_version())[:12] + (f"-{run.id}" if fresh else "")


def _announce(run: Run, kept: Run | None, folder: Path, console: Console) -> None:
    text = f"run {run.id}, log {folder / 'log.txt'}"
    if run.steps:
        text += f"; goes on, steps done before: {len(run.steps)}"
    elif kept and kept.status != "succeeded" and kept.id != run.id:
        text += f"; starts anew, as code or settings are not those of {kept.id}"
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _attempt(
    run: Run,
    folder: Path,
    pipeline: Callable[..., Any],
    arguments: Mapping[str, Any],
    console: Console,
) -> str:
    """Run what is left to do; says what went wrong, "" where nothing did."""
    from kfp import local

    from components.core.storage import Storage
    from pipelines.step_cache import StepCache

    root = os.environ["INSTRUCTFLOW_ROOT"]
    cache = StepCache(STATE / "cache" / run.cache, Storage.from_environment(), root)
    cache.weed()
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder / "kfp" / run.id),
        enable_caching=True,
        cache_root=str(cache.folder),
    )
    # Bound to the terminal now: while steps run, stdout is the view itself.
    console.file = console.file
    started, before = time.monotonic(), run.total

    def on_done(step: Finished) -> None:
        run.steps = [other for other in run.steps if other.label != step.label] + [step]
        run.total = before + time.monotonic() - started
        runs.keep(folder, run)

    def on_found(done: WorkRecord) -> None:
        if done.run != run.id:
            run.borrowed[done.label] = done.work

    def on_stale(error: UserError) -> None:
        text = f"latest does not name all that a step done before has published: {error}"
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    variables = {
        "INSTRUCTFLOW_RUN_ID": run.id,
        "PYTHONUNBUFFERED": "1",
        interruption.MARK: str(folder.absolute()),
    }
    with (
        open_log(folder / "log.txt") as log,
        interruptible(folder),
        scratch(folder) as places,
        _exported(_threads(len(arguments.get("policies", ())))),
        warm_python(log) as python,
        _started_with(python),
        _exported(variables | places),
        View(log, console, tuple(run.steps), cache.remembered, on_done, on_found) as view,
        contextlib.redirect_stdout(view),
        _quiet_kfp(view),
        cache.publishing(on_stale),
    ):
        try:
            run.report = pipeline(**arguments).output
        except Exception as caught:  # kfp raises bare RuntimeErrors for failed tasks
            return view.failure() or f"{type(caught).__name__}: {caught}"
        finally:
            # An attempt that found all its steps in the cache adds nothing.
            if any(step.state != "before" for step in view.steps):
                run.total = before + time.monotonic() - started
    return ""


def _conclude(run: Run, folder: Path) -> None:
    from components.core import work
    from components.core.pipeline_run import adopt, end_pipeline
    from components.core.storage import Storage
    from components.core.tracking import Status

    runs.keep(folder, run)
    ended: dict[str, Status] = {"succeeded": "FINISHED", "failed": "FAILED"}
    root = os.environ["INSTRUCTFLOW_ROOT"]
    # A store that is down does not undo the run.
    with contextlib.suppress(UserError):
        for done in work.read_all(Storage.from_environment(), root, run.borrowed.values()):
            adopt(run.id, done.label, done.figures, done.params)
    with contextlib.suppress(UserError):
        end_pipeline(run.id, ended.get(run.status, "KILLED"))


@contextlib.contextmanager
def _exported(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables that are set inside, for the processes that are started there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _threads(policies: int) -> dict[str, str]:
    """Threads of a step's matrix products, unless the environment says a number.

    Policies train side by side, and threads that wait for a core make each other wait: two steps of
    two threads on two cores take ten times as long as with one.
    """
    share = max(1, cores() // max(1, policies))
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(share))}


def cores() -> int:
    """CPU cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextlib.contextmanager
def _started_with(python: str) -> Iterator[None]:
    """KFP's runner starts steps with sys.executable."""
    before, sys.executable = sys.executable, python
    try:
        yield
    finally:
        sys.executable = before


@contextlib.contextmanager
def _quiet_kfp(view: View) -> Iterator[None]:
    """KFP's own chatter goes to the log file; the view shows the steps."""
    handler = logging.StreamHandler(view)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    # It indents print for the time of a task; of two tasks at once the second one's stays.
    plain_print = builtins.print
    root.handlers, root.level = [handler], logging.INFO
    with warnings.catch_warnings():
        # It doubts that our image holds Python, and that requests for memory mean anything here.
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            root.handlers, root.level = before, level
            builtins.print = plain_print
