"""Runs a stage on a real S3 with things that a test published there."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.core.dataset import Provenance, publish_folder, publish_records
from components.core.progress import Progress
from components.core.records import Message, Prompt, Record
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.storage import Storage
from components.core.tracking import RecordingTracker

PROVENANCE = Provenance(
    parents=(),
    code_version="test",
    config_digest="0" * 64,
    run="test",
    stage="test",
    work="0" * 64,
    created="2026-01-01T00:00:00+00:00",
)


def published(storage: Storage, root: str, name: str, rows: Sequence[Record]) -> str:
    """Publish a dataset; its reference."""
    return publish_records(storage, root, name, rows, PROVENANCE)


def published_folder(storage: Storage, root: str, kind: Any, name: str, path: Path) -> str:
    """Publish a folder; its reference."""
    return publish_folder(storage, root, kind, name, path, PROVENANCE)


def run_small(
    stage: Stage[Any], config: Any, references: dict[str, Any], storage: Storage, root: str,
    workdir: Path,
) -> tuple[Outputs, RecordingTracker, str]:  # fmt: skip
    """Run a stage; its outputs, its tracker and its progress lines."""
    workdir.mkdir(parents=True)
    tracker, lines = RecordingTracker(), io.StringIO()
    outputs = Outputs(storage, root, PROVENANCE, tracker)
    context = Context(
        stage=stage.name, run="test", storage=storage, root=root, tracker=tracker,
        progress=Progress(stage.name, interval=0, stream=lines), workdir=workdir,
        work_key="small",
    )  # fmt: skip
    stage.run(config, Inputs(references, storage, workdir), outputs, context)
    return outputs, tracker, lines.getvalue()


def prompt(number: int, split: str, text: str = "Name a fruit.") -> Prompt:
    """A prompt of one turn."""
    return Prompt(
        id=f"p{number}", user_id=f"user-{number:06d}", source="api", kind="plain",
        messages=(Message("user", text),), time=1_700_000_000 + number, split=split,  # type: ignore[arg-type]
        tokens=12, cluster=f"c{number}", use_case="open_qa", language="en", redactions=(),
    )  # fmt: skip
