"""The stage on real storage: what it publishes, and that a rerun publishes the same."""

import json
from pathlib import Path

import pytest

from components.core.dataset import Provenance, open_manifest, publish_records
from components.core.errors import BadInput
from components.core.progress import Progress
from components.core.records import Message, Prompt, RawPrompt, Reject
from components.core.stage import Context, Inputs, Outputs
from components.core.storage import Storage
from components.core.tracking import RecordingTracker
from components.prompts.config import PromptsConfig
from components.prompts.stage import STAGE


def raw(storage: Storage, root: str, texts: list[str]) -> str:
    rows = [
        RawPrompt(f"p{i}", f"user {i % 5}", "api", "plain", (Message("user", text),), i)
        for i, text in enumerate(texts)
    ]
    return publish_records(storage, root, "raw_prompts", rows, provenance())


def provenance() -> Provenance:
    return Provenance(
        parents=(), code_version="0", config_digest="", run="r", stage="prompts", work="w",
        created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def run(storage: Storage, root: str, reference: str, workdir: Path) -> Outputs:
    workdir.mkdir()
    tracker = RecordingTracker()
    inputs = Inputs({"raw_prompts": reference, "policy": ""}, storage, workdir)
    outputs = Outputs(storage, root, provenance(), tracker)
    context = Context(
        stage="prompts", run="r", storage=storage, root=root, tracker=tracker,
        progress=Progress("prompts"), workdir=workdir, work_key="w",
    )  # fmt: skip
    STAGE.run(PromptsConfig(), inputs, outputs, context)
    return outputs


def test_outputs_headline_and_page(storage: Storage, root: str, tmp_path: Path) -> None:
    texts = ["what is rain?", "What is  rain?", "mail jo@example.org today", "ssn 536-22-1234"]
    reference = raw(storage, root, texts)
    outputs = run(storage, root, reference, tmp_path / "one")
    inputs = Inputs(outputs.references, storage, tmp_path)
    prompts = {p.id: p for p in inputs.rows("prompts", Prompt)}
    rejects = {r.id: r for r in inputs.rows("rejects", Reject)}
    assert set(prompts) == {"p0", "p2"}
    assert prompts["p2"].messages[0].content == "mail [EMAIL_1] today"
    assert (rejects["p1"].reason, rejects["p1"].survivor) == ("duplicate", "p0")
    assert (rejects["p3"].reason, rejects["p3"].rule) == ("pii", "pii: holds SSN")
    figures = outputs.headline
    assert (figures["raw"], figures["kept"], figures["clusters"]) == (4, 2, 1)
    assert (figures["rejected.duplicate"], figures["rejected.pii"]) == (1, 1)
    assert figures["pii_canaries_planted"] == figures["pii_canaries_found"] == 42
    folder = inputs.folder(outputs.references["audit"])
    report = json.loads((folder / "audit.json").read_text())
    assert report["format"] == "instructflow/prompts-audit@1"
    assert report["compared"] == {"minhash": 0, "prefix": 0, "both": 0}
    assert outputs.page is not None
    assert "2 of 4 prompts kept" in outputs.page
    assert open_manifest(storage, outputs.references["prompts"]).rows == 2


def test_a_rerun_publishes_the_same_references(storage: Storage, root: str, tmp_path: Path) -> None:
    reference = raw(storage, root, [f"question {i}: why is it so?" for i in range(40)])
    one = run(storage, root, reference, tmp_path / "one")
    two = run(storage, root, reference, tmp_path / "two")
    assert one.references == two.references


def test_nothing_left_is_an_error_that_says_why(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    reference = raw(storage, root, ["my card: 4111 1111 1111 1111", "ssn 536-22-1234"])
    with pytest.raises(BadInput, match=r"no prompt is left of 2 \(pii 2\)"):
        run(storage, root, reference, tmp_path / "one")
