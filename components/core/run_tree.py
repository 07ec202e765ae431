"""Which MLflow run belongs to what: a pipeline's run, its stages' children, the experiment.

Found by tags, so that steps of one pipeline meet without telling one another. Works on an
``MlflowClient`` that it is given, and imports no mlflow.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

RUN = "instructflow.run"
ROLE = "instructflow.role"
STAGE = "instructflow.stage"
WORK = "instructflow.work"
FAILURE = "instructflow.failure"
PARENT = "mlflow.parentRunId"


@dataclass
class StageRun:
    """The MLflow run of a stage."""

    id: str
    #: The pipeline's run; None where somebody else made the stage's run without a parent.
    parent: str | None
    stage: str
    #: The pipeline run's id, as this project names it.
    run: str


def stage_run(client: Any, run: str, stage: str, work: str, artifacts: str) -> StageRun:
    """Find or make the run of a stage and its parent; one that ended goes on.

    Args:
        client: an MlflowClient.
        run: the pipeline run's id.
        stage: the stage's label.
        work: digest of the work.
        artifacts: location of artifacts for an experiment that is made now; "" is MLflow's choice.
    """
    if given := os.environ.get("MLFLOW_RUN_ID"):
        parent = client.get_run(given).data.tags.get(PARENT)
        if parent:
            client.set_tag(parent, RUN, run)
            client.set_tag(parent, ROLE, "pipeline")
        _resume(client, given, {RUN: run, STAGE: stage, WORK: work})
        return StageRun(given, parent, stage, run)
    experiment = find_experiment(client) or _make_experiment(client, artifacts)
    parent = _find_or_make_parent(client, experiment, run)
    mine = {RUN: run, ROLE: "stage", STAGE: stage, WORK: work}
    child = _oldest(client, experiment, mine)
    if child is None:
        tags = {**mine, PARENT: parent}
        made = client.create_run(experiment, tags=tags, run_name=f"{stage}-{_short(run)}")
        child = str(made.info.run_id)
    else:
        _resume(client, child, {PARENT: parent})
    return StageRun(child, parent, stage, run)


def settle(client: Any, stage: StageRun) -> None:
    """Two steps that started at once may have made a parent each: the oldest becomes the only one.

    Each step looks right after it made one and again when it ends, so that, whoever was first,
    the surplus parent is seen by the step that hangs below it.
    """
    if stage.parent is None:
        return
    experiment = client.get_run(stage.id).info.experiment_id
    oldest = _oldest(client, experiment, _parent_tags(stage.run))
    if oldest is None or oldest == stage.parent:
        return
    surplus, kept = client.get_run(stage.parent), client.get_run(oldest)
    for key, value in surplus.data.metrics.items():
        if key not in kept.data.metrics:
            client.log_metric(oldest, key, value)
    for key, value in surplus.data.params.items():
        if key not in kept.data.params:
            client.log_param(oldest, key, value)
    client.set_tag(stage.id, PARENT, oldest)
    client.delete_run(stage.parent)
    stage.parent = oldest


def find_parent(client: Any, run: str) -> str | None:
    """The MLflow run of a pipeline run, or None."""
    experiment = find_experiment(client)
    return _oldest(client, experiment, _parent_tags(run)) if experiment else None


def find_or_make_parent(client: Any, run: str) -> str | None:
    """The MLflow run of a pipeline run; None where there is no experiment yet."""
    experiment = find_experiment(client)
    return _find_or_make_parent(client, experiment, run) if experiment else None


def find_experiment(client: Any) -> str | None:
    """The id of the experiment that the environment names, or None where it does not exist yet."""
    if given := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return given
    found = client.get_experiment_by_name(_experiment_name())
    return str(found.experiment_id) if found else None


def unless_there(make: Callable[[], object]) -> None:
    """Make something that another step may have made a moment ago."""
    try:
        make()
    except Exception as error:
        if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
            raise


def _find_or_make_parent(client: Any, experiment: str, run: str) -> str:
    found = _oldest(client, experiment, _parent_tags(run))
    if found is not None:
        return found
    made = client.create_run(experiment, tags=_parent_tags(run), run_name=run)
    mine = str(made.info.run_id)
    found = _oldest(client, experiment, _parent_tags(run)) or mine
    if found != mine:
        client.delete_run(mine)
    return found


def _resume(client: Any, run_id: str, tags: Mapping[str, str]) -> None:
    """Tag a run and let it go on, whether it ended, failed or was killed."""
    for key, value in tags.items():
        client.set_tag(run_id, key, value)
    run = client.get_run(run_id)
    if FAILURE in run.data.tags:
        client.delete_tag(run_id, FAILURE)
    if run.info.status != "RUNNING":
        client.update_run(run_id, status="RUNNING")


def _oldest(client: Any, experiment: str, tags: Mapping[str, str]) -> str | None:
    """Of the runs that carry all the tags the one that started first."""
    condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    runs = client.search_runs([experiment], condition)
    ordered = sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))
    return str(ordered[0].info.run_id) if ordered else None


def _parent_tags(run: str) -> dict[str, str]:
    return {RUN: run, ROLE: "pipeline"}


def _make_experiment(client: Any, artifacts: str) -> str:
    name = _experiment_name()
    location = f"{artifacts}/{name}" if artifacts else None
    # Or the UI takes it for one of agents and traces, and hides runs behind other pages.
    tags = {"mlflow.experimentKind": "custom_model_development"}
    unless_there(lambda: client.create_experiment(name, artifact_location=location, tags=tags))
    return str(client.get_experiment_by_name(name).experiment_id)


def _experiment_name() -> str:
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or "instructflow"


def _short(run: str) -> str:
    """A run's id in a name that people read; of a long one (a UUID) the first eight characters."""
    return run if len(run) <= 32 else run[:8]
