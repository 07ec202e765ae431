"""The MLflow run of a whole pipeline run: found, described, ended, from outside its steps."""

from collections.abc import Mapping, Sequence

from components.core import run_tree
from components.core.config import Scalar
from components.core.tracking import (
    TAG,
    MlflowSink,
    Status,
    as_user_error,
    cut,
    dataset_input,
    load_client,
)


def parent_run_id(run: str) -> str | None:
    """The id of the MLflow run of a pipeline run, or None. Raises TrackingError."""
    with as_user_error():
        return run_tree.find_parent(load_client()(), run)


def experiment_id() -> str | None:
    """The id of the experiment that runs go to, or None where there is none. TrackingError."""
    with as_user_error():
        return run_tree.find_experiment(load_client()())


def end_pipeline(run: str, status: Status) -> None:
    """Mark the MLflow run of a pipeline run as ended. Raises TrackingError."""
    with as_user_error():
        client = load_client()()
        if parent := run_tree.find_parent(client, run):
            client.set_terminated(parent, status)


def adopt(run: str, stage: str, figures: Mapping[str, float], params: Mapping[str, Scalar]) -> None:
    """Put what another run's step told beside what this run's steps told. Raises TrackingError.

    A step says so of what it builds on; this is for steps that no other one builds on, and for a
    run that had nothing to do, which no step has made a run in MLflow for.
    """
    with as_user_error():
        client = load_client()()
        if parent := run_tree.find_or_make_parent(client, run):
            whole = run_tree.StageRun(parent, parent, stage, run)
            MlflowSink(client, whole).earlier(stage, figures, params)


def describe_pipeline(
    run: str, name: str, tags: Mapping[str, str], note: str, inputs: Sequence[str]
) -> None:
    """Say on the MLflow run of a pipeline run what people look for. Raises TrackingError.

    Args:
        run: the pipeline run's id.
        name: what the run is called in lists and comparisons.
        tags: what tells runs apart.
        note: Markdown, shown on top of the run's page.
        inputs: references that the run started from.
    """
    with as_user_error():
        client = load_client()()
        if parent := run_tree.find_parent(client, run):
            named = {"mlflow.runName": name, "mlflow.note.content": note, **tags}
            for key, value in named.items():
                client.set_tag(parent, key, cut(value, TAG))
            client.log_inputs(parent, [dataset_input(found, "input") for found in inputs])
