"""Runs a stage: the same from a KFP step, a shell and torchrun.

Everything about the surroundings comes from the environment: ``AWS_*`` and ``AWS_ENDPOINT_URL``
(S3), ``MLFLOW_TRACKING_URI``, ``INSTRUCTFLOW_ROOT`` (``s3://bucket/prefix`` below which everything
is published) and ``INSTRUCTFLOW_RUN_ID`` (which pipeline run a step belongs to; no KFP parameter,
or no step of another run could come from the cache).
"""

import contextlib
import datetime
import html
import importlib
import json
import logging
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from components.core import failure, work
from components.core.checkpoint import Checkpoints
from components.core.config import Config, Scalar, canonical_json, flatten, sha256_hex
from components.core.dataset import Provenance, open_manifest
from components.core.errors import UserError
from components.core.memory import lasting, peak_memory
from components.core.progress import Progress, short
from components.core.references import Asked, resolve_inputs
from components.core.scrub import without_secrets
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.storage import Storage
from components.core.tracking import Status, Tracker, load_client, open_tracker
from components.core.version import code_version, git_commit

References = Mapping[str, str | Sequence[str]]


def root_from_environment() -> str:
    """``INSTRUCTFLOW_ROOT``. Raises UserError where it is not set or no S3 URI."""
    root = os.environ.get("INSTRUCTFLOW_ROOT", "")
    if not re.fullmatch(r"s3://[^/\s#]+(/[^\s#]+)?", root):
        raise UserError(
            f"INSTRUCTFLOW_ROOT is {root!r}; expected s3://bucket or s3://bucket/prefix, "
            "where everything is published"
        )
    return root.rstrip("/")


def work_key(stage: Stage[Any], config: Config, references: References) -> str:
    """Digest of (stage, config, inputs, code): the same work has the same key."""
    inputs = {k: v if isinstance(v, str) else list(v) for k, v in references.items() if v}
    return sha256_hex(canonical_json([stage.name, config.digest(), inputs, code_version()]))


def run_stage(
    stage: Stage[Any],
    config_json: str,
    references: References,
    lines: TextIO | None = None,
) -> Outputs:
    """Run a stage on references and record its work.

    Args:
        stage: what to run.
        config_json: its config as JSON.
        references: inputs by name; what is empty was not given, and is told as a param.
        lines: where progress lines go; standard output where it is not given.

    Raises UserError for what the user can mend; any failure is recorded under
    ``<root>/failures/<run>/`` and in the tracker first.
    """
    lines = lines or sys.stdout
    root = root_from_environment()
    storage = Storage.from_environment()
    run = os.environ.get("INSTRUCTFLOW_RUN_ID", "")
    try:
        config = stage.config.from_json(config_json, at=stage.name)
    except UserError as error:
        failure.record(storage, root, run or "single", stage.name, error)
        raise
    label = stage.label(config)
    key = work_key(stage, config, references)
    run = run or f"single-{key[:12]}"
    print(f"stage {label} started", file=lines, flush=True)
    started = time.monotonic()
    tracker = open_tracker(run, label, key, artifacts=f"{root}/mlflow")
    try:
        with (
            failure.terminable(),
            tempfile.TemporaryDirectory(prefix="instructflow-") as scratch,
            failure.telling_full_disk(),
        ):
            workdir = Path(scratch)
            inputs = Inputs(references, storage, workdir)
            provenance = Provenance(
                parents=inputs.parents(),
                code_version=code_version(),
                config_digest=config.digest(),
                run=run,
                stage=label,
                work=key,
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            )
            outputs = Outputs(storage, root, provenance, tracker)
            params = _params(stage, config, references)
            _log_inputs(tracker, params, config, inputs, outputs)
            context = Context(
                stage=label,
                run=run,
                storage=storage,
                root=root,
                tracker=tracker,
                progress=Progress(label, stream=lines),
                workdir=workdir,
                work_key=key,
            )
            stage.run(config, inputs, outputs, context)
            seconds = time.monotonic() - started
            _conclude(stage, params, inputs, outputs, context, seconds)
    except BaseException as error:
        failure.record(storage, root, run, label, error)
        status: Status = "FAILED" if isinstance(error, Exception) else "KILLED"
        tracker.finish(status, failure.reason(error))
        raise
    tracker.finish("FINISHED")
    figures = "".join(f" {k}={short(v)}" for k, v in outputs.headline.items())
    print(f"stage {label} done in {seconds:.2f}s{figures}", file=lines, flush=True)
    return outputs


def run_component(
    module: str, config: str, references: References, manifest: Any, metrics: Any, page: Any
) -> dict[str, str]:
    """The body of a KFP component: run the stage that ``module`` holds, fill the artifacts.

    The artifacts are files for people; their ``uri`` is left alone (facts of KFP's launcher: a
    foreign URI fails the step after it ran). Returns references by output name.
    """
    for library in ("great_expectations", "botocore"):
        # KFP's executor logs at INFO, where these tell what they import and find: 200 lines a step.
        logging.getLogger(library).setLevel(logging.WARNING)
    with lasting():
        stage: Stage[Any] = importlib.import_module(module).STAGE
        load_client()
    try:
        outputs = run_stage(stage, config, references)
    except UserError as error:
        _say_error(stage.name, error)
        sys.exit(1)
    except Exception as error:
        # A defect: one line for the local view, and the traceback for who mends it.
        print(f"error: {stage.name}: {failure.reason(error)}", flush=True)
        raise
    manifests = {
        name: open_manifest(outputs.storage, reference).model_dump(mode="json")
        | {"reference": reference}
        for name, reference in outputs.references.items()
    }
    text = json.dumps(manifests, indent=2, ensure_ascii=False)
    Path(manifest.path).write_text(text, encoding="utf-8")
    figures = _finite(outputs.headline)
    for name, value in figures.items():
        metrics.log_metric(name, value)
    # KFP keeps metrics beside the artifact, and its local cache forgets a step whose artifact has
    # no file.
    Path(metrics.path).write_text(json.dumps(figures, indent=2), encoding="utf-8")
    shown = outputs.page or f"<h1>{stage.name}</h1><pre>{html.escape(text)}</pre>"
    Path(page.path).write_text(shown, encoding="utf-8")
    return outputs.references


def resolve_references(inputs: Sequence[Asked]) -> tuple[str, ...]:
    """References with digests for what may say ``latest``, in the order of the inputs.

    Empty stays empty; an input that stays empty as there is nothing for it yet is told in a line.
    """
    with telling("resolve"):
        found = resolve_inputs(Storage.from_environment(), root_from_environment(), inputs)
    for line in found.empty:
        print(line, flush=True)
    return found.references


@contextlib.contextmanager
def telling(step: str) -> Iterator[None]:
    """A UserError inside is the step's one line, and its end."""
    try:
        yield
    except UserError as error:
        _say_error(step, error)
        sys.exit(1)


def _params(stage: Stage[Any], config: Config, references: References) -> dict[str, Scalar]:
    """What runs are compared by: the config, and which inputs stayed empty.

    Those that were given are MLflow's datasets of the step.
    """
    empty = {
        f"{stage.name}.input.{name}": "none" for name, given in references.items() if not given
    }
    return flatten(config, stage.name) | empty


def _log_inputs(
    tracker: Tracker,
    params: Mapping[str, Scalar],
    config: Config,
    inputs: Inputs,
    outputs: Outputs,
) -> None:
    """Config, code and inputs on the tracker's run; fails early on a missing reference."""
    tracker.params(params)
    tracker.params({"code_version": code_version(), "git_commit": git_commit()})
    tracker.text(canonical_json(config.shown()), "config.json")
    for reference in inputs.parents():
        inputs.manifest(reference)
        tracker.dataset(reference, "input")
    # A step that came from KFP's cache told nothing of itself to this run. Of steps with one label
    # the nearest is this run's: what it was given of the last round, that round's step made.
    told = {outputs.provenance.stage}
    for done in work.behind(outputs.storage, outputs.root, *inputs.parents()):
        if done.run != outputs.provenance.run and done.label not in told:
            tracker.earlier(done.label, done.figures, done.params)
        told.add(done.label)


def _conclude(
    stage: Stage[Any],
    params: Mapping[str, Scalar],
    inputs: Inputs,
    outputs: Outputs,
    context: Context,
    seconds: float,
) -> None:
    """What is left to do when a stage did its work: tell, record, tidy up."""
    storage, root = context.storage, context.root
    context.tracker.text(json.dumps(outputs.references, indent=2), "outputs.json")
    context.tracker.headline({"seconds": seconds, "peak_memory_mb": peak_memory()})
    done = work.WorkRecord(
        work=context.work_key,
        stage=stage.name,
        label=context.stage,
        run=context.run,
        seconds=seconds,
        params=dict(params),
        figures=_finite(outputs.headline),
        curves=outputs.curves,
        inputs=inputs.given(),
        outputs=outputs.references,
    )
    work.save(storage, root, done)
    storage.delete([failure.place(root, context.run, context.stage)])
    # All that was trained is published.
    Checkpoints(storage, root, context.work_key, keep=1).clear()


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures as JSON and KFP can hold them."""
    return {k: float(v) for k, v in figures.items() if math.isfinite(float(v))}


def _say_error(stage: str, error: UserError) -> None:
    """The one line that the local view and a pod's log show."""
    text = " | ".join(f"{stage}: {error}".splitlines())
    print(f"error: {without_secrets(text)}", flush=True)
