"""One MLflow run per pipeline run, with a child per stage; the only mlflow import.

A pipeline run's parent is found by its tag, or made. A stage attaches to the run that
``MLFLOW_RUN_ID`` names (KFP's MLflow plugin sets it), or makes a child. Metrics are buffered and
written in batches, since one write costs as much as a batch; a store that is down for a while costs
a training step nothing: what could not be written waits, and is tried again.
"""

import contextlib
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from components.core.config import Scalar
from components.core.errors import UserError

#: Tags that find the runs of a pipeline run again.
RUN_TAG, WORK_TAG, LABEL_TAG = "instructflow.run", "instructflow.work", "instructflow.stage"
#: Seconds between writes, and so the most history that a crash loses.
FLUSH_SECONDS = 5.0
#: Metrics a batch; MLflow's own limit.
BATCH = 1000
#: Most metrics that wait for a store that is down; older ones go first.
WAITING = 200_000
#: MLflow cuts longer params silently.
LONGEST_PARAM = 6000


class TrackingError(UserError):
    """MLflow is not there or does not take what it is given."""


class Tracker(Protocol):
    """What a stage may report."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Figures of a training step; a step at or before ``last_step`` is not logged again."""

    def headline(self, values: Mapping[str, float]) -> None:
        """Figures of the whole stage; they also stand on the parent as ``stage/name``."""

    def params(self, values: Mapping[str, Scalar]) -> None:
        """Settings, flattened."""

    def text(self, text: str, path: str) -> None:
        """A text artifact."""

    def figure(self, figure: Any, path: str) -> None:
        """A matplotlib figure as artifact."""

    def table(self, rows: Sequence[Mapping[str, Any]], path: str) -> None:
        """Rows as a table artifact (``.json``) that MLflow shows."""

    def dataset(self, reference: str, context: str) -> None:
        """A published thing that the stage used."""

    def finish(self, status: str) -> None:
        """Write what waits and end the run: FINISHED, FAILED or KILLED."""

    @property
    def last_step(self) -> int:
        """The last step that an earlier attempt logged; -1 where there was none."""


@dataclass
class RecordingTracker:
    """Keeps what it is told. For tests, and for work outside a pipeline."""

    steps: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    headlines: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Scalar] = field(default_factory=dict)
    artifacts: dict[str, Any] = field(default_factory=dict)
    datasets: list[tuple[str, str]] = field(default_factory=list)
    status: str = ""
    last_step: int = -1

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        if step > self.last_step:
            self.steps.append((step, dict(values)))

    def headline(self, values: Mapping[str, float]) -> None:
        self.headlines.update(values)

    def params(self, values: Mapping[str, Scalar]) -> None:
        self.settings.update(values)

    def text(self, text: str, path: str) -> None:
        self.artifacts[path] = text

    def figure(self, figure: Any, path: str) -> None:
        self.artifacts[path] = figure

    def table(self, rows: Sequence[Mapping[str, Any]], path: str) -> None:
        self.artifacts[path] = [dict(row) for row in rows]

    def dataset(self, reference: str, context: str) -> None:
        self.datasets.append((reference, context))

    def finish(self, status: str) -> None:
        self.status = status


class MlflowTracker:
    """Reports to MLflow as ``open_tracker`` found or made the runs."""

    def __init__(self, client: Any, run_id: str, parent_id: str, label: str) -> None:
        self._client = client
        self.run_id = run_id
        self.parent_id = parent_id
        self._label = label
        self._waiting: list[tuple[str, Any]] = []
        self._flushed = time.monotonic()
        self._quiet_until = 0.0
        self.last_step = self._find_last_step()

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        if step > self.last_step:
            self._keep(self.run_id, values, step)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def headline(self, values: Mapping[str, float]) -> None:
        self._keep(self.run_id, values, 0)
        if self.parent_id:
            named = {f"{self._label}/{name}": value for name, value in values.items()}
            self._keep(self.parent_id, named, 0)
        self.flush()

    def params(self, values: Mapping[str, Scalar]) -> None:
        from mlflow.entities import Param

        items = [Param(name, str(value)[:LONGEST_PARAM]) for name, value in values.items()]
        for run in [self.run_id, self.parent_id]:
            for start in range(0, len(items) if run else 0, 100):
                part = items[start : start + 100]
                self._try(lambda run=run, part=part: self._client.log_batch(run, params=part))

    def text(self, text: str, path: str) -> None:
        self._try(lambda: self._client.log_text(self.run_id, text, path))

    def figure(self, figure: Any, path: str) -> None:
        self._try(lambda: self._client.log_figure(self.run_id, figure, path))

    def table(self, rows: Sequence[Mapping[str, Any]], path: str) -> None:
        columns = {name: [row.get(name) for row in rows] for name in (rows[0] if rows else {})}
        self._try(lambda: self._client.log_table(self.run_id, columns, path))

    def dataset(self, reference: str, context: str) -> None:
        from mlflow.data.dataset_source_registry import resolve_dataset_source
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        prefix, _, digest = reference.partition("#sha256=")

        def log() -> None:
            source = resolve_dataset_source(prefix)
            name = prefix.split("/")[-2]
            # MLflow takes 36 characters of a digest; the tag has them all.
            entity = MetaDataset(source=source, name=name, digest=digest[:36])._to_mlflow_entity()
            tags = [InputTag("mlflow.data.context", context), InputTag("reference", reference)]
            self._client.log_inputs(self.run_id, [DatasetInput(dataset=entity, tags=tags)])

        self._try(log)

    def finish(self, status: str) -> None:
        deadline = time.monotonic() + 20
        self._quiet_until = 0.0
        while not self.flush() and time.monotonic() < deadline:
            time.sleep(1)
            self._quiet_until = 0.0
        if self._waiting:
            print(f"tracking: {len(self._waiting)} figures were not written", flush=True)
        self._try(lambda: self._client.set_terminated(self.run_id, status))
        if status != "FINISHED" and self.parent_id:
            self._try(lambda: self._client.set_terminated(self.parent_id, status))

    def flush(self) -> bool:
        """Write what waits. False where the store did not take it; it then waits on."""
        self._flushed = time.monotonic()
        while self._waiting:
            run = self._waiting[0][0]
            batch = [metric for owner, metric in self._waiting[:BATCH] if owner == run]
            if not self._try(lambda run=run, batch=batch: self._client.log_batch(run, batch)):
                del self._waiting[:-WAITING]
                return False
            written = {id(metric) for metric in batch}
            self._waiting = [item for item in self._waiting if id(item[1]) not in written]
        return True

    def _keep(self, run: str, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for name, value in values.items():
            # MLflow turns infinities into 1.8e308, which ruins every chart.
            if math.isfinite(value):
                self._waiting.append((run, Metric(name, float(value), now, step)))

    def _try(self, call: Any) -> bool:
        """Do it; a failure is told once a minute and costs the stage nothing else."""
        if time.monotonic() < self._quiet_until:
            return False
        try:
            call()
        except Exception as error:
            self._quiet_until = time.monotonic() + FLUSH_SECONDS
            print(f"tracking: not written, {type(error).__name__}; goes on without", flush=True)
            return False
        return True

    def _find_last_step(self) -> int:
        last = -1
        with contextlib.suppress(Exception):
            data = self._client.get_run(self.run_id).data
            for name in data.metrics:
                history = self._client.get_metric_history(self.run_id, name)
                last = max([last, *(point.step for point in history if point.step > 0)])
        return last


def open_tracker(run: str, label: str, work: str) -> Tracker:
    """The tracker of a stage, on the runs that belong to a pipeline run.

    Args:
        run: id of the pipeline run.
        label: tells the stage apart in it.
        work: digest of what the stage is about to do; an unfinished child of the same work is
            continued.

    Raises:
        TrackingError: no MLflow where ``MLFLOW_TRACKING_URI`` says.
    """
    client = _client()
    if attached := os.environ.get("MLFLOW_RUN_ID"):
        found = _reach(lambda: client.get_run(attached))
        parent = found.data.tags.get("mlflow.parentRunId", "")
        return MlflowTracker(client, attached, parent, label)
    experiment = _experiment(client)
    parent_id = _parent(client, experiment, run)
    query = f"tags.`{WORK_TAG}` = '{work}' and tags.`mlflow.parentRunId` = '{parent_id}'"
    children = _reach(lambda: client.search_runs([experiment], query, max_results=1))
    if children:
        child = children[0].info.run_id
        _reach(lambda: client.update_run(child, status="RUNNING"))
    else:
        tags = {
            "mlflow.parentRunId": parent_id,
            RUN_TAG: run,
            WORK_TAG: work,
            LABEL_TAG: label,
        }
        made = _reach(lambda: client.create_run(experiment, tags=tags, run_name=f"{label}-{run}"))
        child = made.info.run_id
    return MlflowTracker(client, child, parent_id, label)


def parent_run_id(run: str) -> str | None:
    """The MLflow id of a pipeline run's parent, None where there is none."""
    client = _client()
    found = _search_parents(client, _experiment(client), run)
    return found[0] if found else None


def finish_parent(run: str, figures: Mapping[str, float], status: str) -> None:
    """End a pipeline run's parent, with figures of steps that came from the cache filled in."""
    client = _client()
    experiment = _experiment(client)
    tracker = MlflowTracker(client, _parent(client, experiment, run), "", "")
    there = _reach(lambda: client.get_run(tracker.run_id)).data.metrics
    tracker.headline({name: value for name, value in figures.items() if name not in there})
    tracker.finish(status)


def register_policy(reference: str, name: str, tags: Mapping[str, str], alias: str) -> str:
    """Register a published policy as a new version of a model; returns the version.

    The version's source is the policy's S3 prefix; ``reference`` and ``tags`` stand as its tags.
    The same policy registered before is found and not doubled. ``alias`` ("" for none) moves to it.
    """
    client = _client()
    source = reference.partition("#")[0]
    with contextlib.suppress(Exception):
        client.create_registered_model(name)
    found = _reach(lambda: client.search_model_versions(f"name = '{name}'"))
    same = [version for version in found if version.tags.get("reference") == reference]
    if same:
        version = same[0].version
        for key, value in tags.items():
            _reach(lambda k=key, v=value: client.set_model_version_tag(name, version, k, v))
    else:
        tagged = {"reference": reference, **tags}
        version = _reach(lambda: client.create_model_version(name, source, tags=tagged)).version
    if alias:
        _reach(lambda: client.set_registered_model_alias(name, alias, version))
    return str(version)


def _client() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # A store that is down must not hold a training step for MLflow's default of minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow import MlflowClient

    return _reach(MlflowClient)


def _experiment(client: Any) -> str:
    """The experiment runs stand in; its artifacts lie in S3 beside what is published."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "instructflow")
    found = _reach(lambda: client.get_experiment_by_name(name))
    if found is not None:
        return str(found.experiment_id)
    root = os.environ.get("INSTRUCTFLOW_ROOT")
    location = f"{root}/mlflow" if root else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except Exception:
        # Another step made it in the meantime.
        found = _reach(lambda: client.get_experiment_by_name(name))
        if found is None:
            raise
        return str(found.experiment_id)


def _search_parents(client: Any, experiment: str, run: str) -> list[str]:
    query = f"tags.`{RUN_TAG}` = '{run}'"
    order = ["attributes.start_time ASC"]
    found = _reach(lambda: client.search_runs([experiment], query, max_results=100, order_by=order))
    top = [r for r in found if "mlflow.parentRunId" not in r.data.tags]
    return [r.info.run_id for r in sorted(top, key=lambda r: (r.info.start_time, r.info.run_id))]


def _parent(client: Any, experiment: str, run: str) -> str:
    """Find or make the parent. Two first steps at once: the older one stays, the other goes."""
    if found := _search_parents(client, experiment, run):
        return found[0]
    made = _reach(lambda: client.create_run(experiment, tags={RUN_TAG: run}, run_name=run))
    winner = _search_parents(client, experiment, run)[0]
    if winner != made.info.run_id:
        client.delete_run(made.info.run_id)
    return winner


def _reach(call: Any) -> Any:
    try:
        return call()
    except Exception as error:
        uri = os.environ.get("MLFLOW_TRACKING_URI", "(MLFLOW_TRACKING_URI is not set)")
        place = uri.rsplit("@", 1)[-1]  # an address may carry a password
        raise TrackingError(
            f"MLflow at {place} did not answer as expected ({type(error).__name__}); "
            "is it running, and is MLFLOW_TRACKING_URI right?"
        ) from None

