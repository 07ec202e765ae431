"""Runs and series in MLflow: the only module that imports mlflow.

One MLflow run per pipeline run, found by its tag, with one child per stage. Where ``MLFLOW_RUN_ID``
is given (KFP's plugin), that run is the stage's. The experiment is ``MLFLOW_EXPERIMENT_ID``, else
``MLFLOW_EXPERIMENT_NAME``, else "instructflow".
"""

import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from components.core import run_tree
from components.core.config import Scalar
from components.core.delivery import Delivery, Point, Refused
from components.core.errors import UserError
from components.core.manifest import parse_reference
from components.core.memory import peak_memory
from components.core.run_tree import StageRun
from components.core.scrub import one_line, without_secrets
from components.core.tracker import BufferedTracker, RecordingTracker, RunSink, Status, Tracker

__all__ = [
    "TAG",
    "MlflowSink",
    "RecordingTracker",
    "Status",
    "Tracker",
    "TrackingError",
    "as_user_error",
    "cut",
    "dataset_input",
    "load_client",
    "open_tracker",
]

_log = logging.getLogger(__name__)

MEMORY = "instructflow.peak_memory_mb"
#: Figures that every stage has: on the parent they stand as ``seconds/<stage>``.
COSTS = ("seconds", "peak_memory_mb")
#: MLflow's limits: characters of a param, a tag, a dataset's digest; things in one request.
PARAM, TAG, DIGEST, PARAMS_A_BATCH = 6000, 8000, 36, 100
#: Answers after which the same request would be refused again.
_FINAL = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED"}


class TrackingError(UserError):
    """MLflow is not there or refuses what it was asked."""


def open_tracker(
    run: str, stage: str, work: str, artifacts: str = "", period: float = 5.0
) -> Tracker:
    """The tracker of one stage of a pipeline run. Never fails: MLflow may come later.

    Args:
        run: the pipeline run's id.
        stage: the stage's label in that run.
        work: digest of the work; the same work done again goes on in its MLflow run.
        artifacts: ``s3://...`` below which a new experiment's artifacts go if MLflow is a plain
            database; a server decides that itself.
        period: seconds between two deliveries: what a crash can lose.
    """
    client = load_client()
    location = "" if _is_server(_uri()) else artifacts

    def connect() -> RunSink:
        connected = client()
        return MlflowSink(connected, run_tree.stage_run(connected, run, stage, work, location))

    return BufferedTracker(Delivery(connect, f"MLflow at {without_secrets(_uri())}", period))


class MlflowSink:
    """The MLflow run of a stage, and its parent. Every call may be repeated."""

    def __init__(self, client: Any, stage: StageRun) -> None:
        self._client, self._stage = client, stage
        self._beaten = 0.0
        #: Asked of the history, as the run itself tells values without steps.
        self.last_steps: Mapping[str, int] = {
            key: self._last_step(stage.id, key) for key in client.get_run(stage.id).data.metrics
        }

    def send(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(p.key, p.value, p.time, p.step) for p in points]
        with _refusals():
            self._client.log_batch(self._stage.id, metrics)

    def beat(self) -> None:
        """The peak of memory as a tag: what is left to see after the kernel killed a step."""
        if (peak := peak_memory()) > 1.1 * self._beaten:
            self._client.set_tag(self._stage.id, MEMORY, f"{peak:.0f}")
            self._beaten = peak

    def headline(self, values: Mapping[str, float]) -> None:
        self._make_latest(self._stage.id, values)
        self._headline_on_parent(self._stage.stage, values)

    def params(self, flat: Mapping[str, Scalar]) -> None:
        self._set_params(self._stage.id, flat)
        if self._stage.parent:
            self._set_params(self._stage.parent, _of_step(self._stage.stage, flat))

    def earlier(
        self, stage: str, figures: Mapping[str, float], params: Mapping[str, Scalar]
    ) -> None:
        if self._stage.parent:
            held = self._client.get_run(self._stage.parent).data
            # What a step of this very run said stays.
            named = {key: v for key, v in _of_step(stage, params).items() if key not in held.params}
            self._set_params(self._stage.parent, named)
            new = {k: v for k, v in figures.items() if f"{stage}/{k}" not in held.metrics}
            self._headline_on_parent(stage, new)

    def dataset(self, reference: str, context: str) -> None:
        with _refusals():
            self._client.log_inputs(self._stage.id, [dataset_input(reference, context)])

    def artifact(self, data: bytes, path: str) -> None:
        folder, _, name = path.rpartition("/")
        with tempfile.TemporaryDirectory(prefix="instructflow-") as scratch:
            file = Path(scratch) / name
            file.write_bytes(data)
            with _refusals():
                self._client.log_artifact(self._stage.id, str(file), folder or None)

    def table(self, data: bytes, path: str) -> None:
        self.artifact(data, path)
        # What makes the UI show the file as a table.
        tag, entry = "mlflow.loggedArtifacts", {"path": path, "type": "table"}
        held = json.loads(self._client.get_run(self._stage.id).data.tags.get(tag, "[]"))
        if entry not in held:
            self._client.set_tag(self._stage.id, tag, json.dumps([*held, entry]))

    def finish(self, status: Status, reason: str) -> None:
        if reason:
            self._client.set_tag(self._stage.id, run_tree.FAILURE, cut(reason, TAG))
        run_tree.settle(self._client, self._stage)
        self._client.set_terminated(self._stage.id, status)

    def _headline_on_parent(self, stage: str, values: Mapping[str, float]) -> None:
        if not self._stage.parent:
            return
        # The UI makes a section of what stands before the slash: one for all steps' times.
        named = {f"{k}/{stage}" if k in COSTS else f"{stage}/{k}": v for k, v in values.items()}
        try:
            self._make_latest(self._stage.parent, named)
        except Refused:
            # Another step has given up a parent that the two shared.
            run_tree.settle(self._client, self._stage)
            self._make_latest(self._stage.parent, named)

    def _set_params(self, run: str, values: Mapping[str, Scalar]) -> None:
        from mlflow.entities import Param

        wanted = {key: cut(str(value), PARAM) for key, value in values.items()}
        held = self._client.get_run(run).data.params
        changed = [key for key in wanted if key in held and held[key] != wanted[key]]
        if changed:
            _log.warning("MLflow run %s keeps its first values of %s", run, ", ".join(changed))
        new = [Param(key, value) for key, value in wanted.items() if key not in held]
        for first in range(0, len(new), PARAMS_A_BATCH):
            with _refusals():
                self._client.log_batch(run, params=new[first : first + PARAMS_A_BATCH])

    def _make_latest(self, run: str, values: Mapping[str, float]) -> None:
        """Make the values the latest of their keys; those that are already stay single points."""
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        held = self._client.get_run(run).data.metrics
        # The latest is the one with the highest step, and a series of the same name has steps.
        metrics = [
            Metric(key, value, now, self._last_step(run, key) if key in held else 0)
            for key, value in values.items()
            if held.get(key) != value
        ]
        if metrics:
            with _refusals():
                self._client.log_batch(run, metrics)

    def _last_step(self, run: str, key: str) -> int:
        return max(int(point.step) for point in self._client.get_metric_history(run, key))


def _of_step(label: str, flat: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Settings under a step's label: two steps of a stage have ppo.lr, and ppo.ppo_ptx.lr."""
    name = label.partition(".")[0]
    return {
        label + key.removeprefix(name) if key.startswith(f"{name}.") else key: value
        for key, value in flat.items()
    }


def dataset_input(reference: str, context: str) -> Any:
    """A reference as MLflow's DatasetInput."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    parsed = parse_reference(reference)
    name = parsed.prefix.split("/")[-2]
    source = json.dumps({"uri": parsed.prefix})
    entity = Dataset(name, parsed.digest[:DIGEST], "s3", source)
    tags = [InputTag("mlflow.data.context", context), InputTag("sha256", parsed.digest)]
    return DatasetInput(entity, tags)


def load_client() -> Callable[[], Any]:
    """What makes an MlflowClient. Imports now: a thread's imports could meet the stage's."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # A server that is away is tried again by the delivery; mlflow's own retries take minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = _uri()
    if not _is_server(uri):
        import mlflow.store.tracking.sqlalchemy_store
    registry = os.environ.get("MLFLOW_REGISTRY_URI") or uri
    return lambda: mlflow.MlflowClient(tracking_uri=uri, registry_uri=registry)


def _uri() -> str:
    """MLFLOW_TRACKING_URI, or MLflow's own default."""
    return os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


def _is_server(uri: str) -> bool:
    return urlsplit(uri).scheme in ("http", "https")


def cut(value: str, limit: int) -> str:
    """A value that MLflow would cut in silence, cut so that it shows."""
    note = f" ... [{len(value)} characters]"
    return value if len(value) <= limit else value[: limit - len(note)] + note


@contextmanager
def _refusals() -> Iterator[None]:
    """MLflow's final answers as Refused, so that they are not tried for ever."""
    try:
        yield
    except Exception as error:
        if getattr(error, "error_code", "") in _FINAL:
            raise Refused(one_line(error)) from None
        raise


@contextmanager
def as_user_error() -> Iterator[None]:
    """MLflow's exceptions, and those of what is beneath it, as TrackingError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise TrackingError(
            f"MLflow at {without_secrets(_uri())}: {one_line(error)}; is it running, and is "
            "MLFLOW_TRACKING_URI right?"
        ) from None
