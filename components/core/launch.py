"""Runs a stage: the same from a KFP step, a shell and torchrun.

Everything about the surroundings comes from the environment: ``AWS_*`` and ``AWS_ENDPOINT_URL``
(S3), ``MLFLOW_TRACKING_URI``, ``INSTRUCTFLOW_ROOT`` (``s3://bucket/prefix`` below which everything
is published) and ``INSTRUCTFLOW_RUN_ID`` (which pipeline run a step belongs to; no KFP parameter,
or no step of another run could come from the cache).
"""

import argparse
import datetime
import importlib
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core import work
from components.core.config import Config, canonical_json, sha256_hex
from components.core.dataset import Provenance, open_manifest, resolve
from components.core.errors import UserError
from components.core.manifest import Kind
from components.core.progress import Progress
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.storage import Storage
from components.core.tracking import Tracker, open_tracker
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


def run_stage(stage: Stage[Any], config_json: str, references: References) -> Outputs:
    """Run a stage on references and record its work.

    Raises UserError for what the user can mend; any failure is recorded in the tracker and under
    ``<root>/failures/`` first.
    """
    config = stage.config.from_json(config_json, at=stage.name)
    label = stage.label(config)
    key = work_key(stage, config, references)
    run = os.environ.get("INSTRUCTFLOW_RUN_ID") or f"single-{key[:12]}"
    root = root_from_environment()
    storage = Storage.from_environment()
    print(f"stage {label} started", flush=True)
    started = time.monotonic()
    tracker = open_tracker(run, label, key)
    try:
        with tempfile.TemporaryDirectory(prefix="instructflow-") as scratch:
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
            _log_inputs(tracker, stage, config, inputs)
            context = Context(
                stage=label,
                run=run,
                storage=storage,
                root=root,
                tracker=tracker,
                progress=Progress(label),
                workdir=workdir,
                work_key=key,
            )
            stage.run(config, inputs, outputs, context)
    except BaseException as error:
        _record_failure(storage, root, run, label, error)
        tracker.finish("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    seconds = time.monotonic() - started
    tracker.headline({"seconds": seconds, "peak_memory_mb": peak_memory()})
    record = work.WorkRecord(
        work=key,
        stage=stage.name,
        label=label,
        run=run,
        seconds=seconds,
        figures={name: float(value) for name, value in outputs.headline.items()},
        outputs=outputs.references,
    )
    work.save(storage, root, record)
    tracker.finish("FINISHED")
    figures = "".join(f" {k}={v:.4g}" for k, v in list(outputs.headline.items())[:4])
    print(f"stage {label} done in {seconds:.2f}s{figures}", flush=True)
    return outputs


def run_component(
    module: str, config: str, references: References, manifest: Any, metrics: Any, page: Any
) -> dict[str, str]:
    """The body of a KFP component: run the stage that ``module`` holds, fill the artifacts.

    The artifacts are files for people; their ``uri`` is left alone (facts of KFP's launcher: a
    foreign URI fails the step after it ran). Returns references by output name.
    """
    stage: Stage[Any] = importlib.import_module(module).STAGE
    try:
        outputs = run_stage(stage, config, references)
    except UserError as error:
        print("error: " + " | ".join(f"{stage.name}: {error}".splitlines()), flush=True)
        sys.exit(2)
    manifests = {
        name: open_manifest(outputs.storage, reference).model_dump(mode="json")
        | {"reference": reference}
        for name, reference in outputs.references.items()
    }
    Path(manifest.path).write_text(json.dumps(manifests, indent=2, ensure_ascii=False))
    for name, value in outputs.headline.items():
        metrics.log_metric(name, float(value))
    Path(page.path).write_text(outputs.page or f"<p>{stage.name}: no page.</p>")
    return outputs.references


def resolve_references(wanted: Mapping[str, tuple[Kind, str]]) -> tuple[str, ...]:
    """References with digests for what may say ``latest``; empty stays empty.

    Args:
        wanted: name -> (kind, reference or ``latest`` or "").
    """
    storage, root = Storage.from_environment(), root_from_environment()
    found = []
    try:
        for name, (kind, value) in wanted.items():
            asked = f"{kind}/{name}" if value == "latest" else value
            found.append(resolve(storage, root, asked) if value else "")
    except UserError as error:
        print("error: " + " | ".join(f"resolve: {error}".splitlines()), flush=True)
        sys.exit(2)
    return tuple(found)


def main(stage: Stage[Any]) -> None:
    """``python -m components.<stage>``: run it on references, print output references as JSON."""
    parser = argparse.ArgumentParser(description=f"Run the stage {stage.name}.")
    parser.add_argument("--config", default="{}", help="JSON, @FILE, or - for standard input")
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=REFERENCE", help="may be repeated"
    )
    arguments = parser.parse_args()
    references: dict[str, list[str]] = {}
    for text in arguments.input:
        name, equals, value = text.partition("=")
        if not equals:
            parser.error(f"--input {text}: expected NAME=REFERENCE")
        references.setdefault(name, []).append(value)
    text = arguments.config
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        outputs = run_stage(stage, text, references)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(json.dumps(outputs.references, indent=2))


def peak_memory() -> float:
    """The largest resident size of this process so far, in MB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _log_inputs(tracker: Tracker, stage: Stage[Any], config: Config, inputs: Inputs) -> None:
    """Config, code and inputs on the tracker's run; fails early on a reference that is not there."""
    from components.core.config import flatten

    tracker.params(flatten(config, stage.name))
    tracker.params({"code_version": code_version(), "git_commit": git_commit()})
    for reference in inputs.parents():
        inputs.manifest(reference)
        tracker.dataset(reference, "input")


def _record_failure(
    storage: Storage, root: str, run: str, label: str, error: BaseException
) -> None:
    """KFP's API never tells why a step failed, so the step says it: type, place and, for a
    user's error, the message (which holds no text of prompts); other messages may, so they stay out.
    """
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    failure = {
        "stage": label,
        "error": type(error).__name__,
        "message": str(error) if isinstance(error, UserError) else "",
        "at": f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "",
        "peak_memory_mb": round(peak_memory()),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    try:
        storage.put_bytes(f"{root}/failures/{run}/{label}.json", canonical_json(failure).encode())
    except UserError as problem:
        # The first error is the one to tell.
        print(f"the failure could not be recorded: {problem}", flush=True)
