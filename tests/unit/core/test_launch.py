import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from counting_stage import STAGE
from kfp import dsl
from launching import failure, notes
from mlflow_runs import run_of

from components.core import launch, version, work
from components.core.config import ConfigError
from components.core.dataset import DatasetError, open_manifest
from components.core.errors import BadInput, UserError
from components.core.pipeline_run import parent_run_id
from components.core.stage import Stage
from components.core.storage import Storage

pytestmark = pytest.mark.usefixtures("surroundings")


def test_a_stage_is_run_published_and_recorded(
    storage: Storage, root: str, client: Any, tmp_path: Path, capsys: Any
) -> None:
    note = notes(storage, root, tmp_path / "notes")
    outputs = launch.run_stage(STAGE, '{"steps": 10}', {"notes": [note], "nothing": ""})

    reference = outputs.references["policy"]
    key = outputs.provenance.work
    made = open_manifest(storage, reference).provenance
    assert made.parents == (note,)
    assert (made.run, made.stage, made.code_version) == ("run-1", "counting", "of the test")
    assert made.work == key
    assert made.config_digest == STAGE.config(steps=10).digest()

    (record,) = work.behind(storage, root, reference)
    assert (record.work, record.label, record.run) == (key, "counting", "run-1")
    assert record.outputs == {"policy": reference}
    assert record.figures["notes"] == 1.0
    assert record.seconds > 0

    child = run_of(client, role="stage")
    assert child.info.status == "FINISHED"
    assert child.data.params["counting.steps"] == "10"
    assert child.data.params["code_version"] == "of the test"
    assert len(client.get_metric_history(child.info.run_id, "loss")) >= 10
    assert [d.dataset.name for d in child.inputs.dataset_inputs] == ["notes"]
    artifacts = child.info.artifact_uri
    assert artifacts.startswith(f"{root}/mlflow/")
    assert storage.get_bytes(f"{artifacts}/page.html") == b"<h1>Counting</h1>"
    assert json.loads(storage.get_bytes(f"{artifacts}/outputs.json")) == outputs.references
    assert json.loads(storage.get_bytes(f"{artifacts}/config.json"))["steps"] == 10
    parent = client.get_run(parent_run_id("run-1"))
    assert parent.data.metrics["counting/notes"] == 1.0
    assert parent.data.metrics["peak_memory_mb/counting"] > 10
    assert parent.data.params["counting.steps"] == "10"

    # Nothing of the training state is left.
    assert [i.uri for i in storage.list(f"{root}/checkpoints/")] == []
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "stage counting started"
    assert lines[-1].startswith("stage counting done in ")
    assert "progress counting 10/10 " in "\n".join(lines)


def test_the_work_key_is_config_inputs_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    config = STAGE.config(steps=3)

    def key(config: Any = config, references: Mapping[str, Any] | None = None) -> str:
        return launch.work_key(STAGE, config, references or {"notes": ["a", "b"]})

    same = key()
    assert key(references={"notes": ("a", "b"), "absent": "", "none": []}) == same
    assert key(STAGE.config(steps=4)) != same
    assert key(references={"notes": ["a"]}) != same
    monkeypatch.setenv("INSTRUCTFLOW_CODE_VERSION", "newer")
    version.code_version.cache_clear()
    assert key() != same


def test_the_code_version_follows_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INSTRUCTFLOW_CODE_VERSION")
    version.code_version.cache_clear()
    own = version.code_version()
    assert len(own) == 12
    assert set(own) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [
        (
            "input",
            BadInput,
            "BadInput: notes.jsonl, row 3: field 'id' is missing; expected a string",
        ),
        ("defect", RuntimeError, "RuntimeError at counting_stage.py:"),
    ],
)
def test_a_failure_is_recorded_without_text(
    storage: Storage, root: str, client: Any, fault: str, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error):
        launch.run_stage(STAGE, json.dumps({"fault": fault}), {})
    recorded = failure(storage, root)
    assert recorded["reason"].startswith(reason)
    assert recorded["peak_memory_mb"] > 10
    assert "Zanzibar" not in json.dumps(recorded)
    child = run_of(client, role="stage")
    assert child.info.status == "FAILED"
    assert child.data.tags["instructflow.failure"] == recorded["reason"]
    # Mended, the same work goes on, and the record is gone.
    launch.run_stage(STAGE, "{}", {})
    with pytest.raises(UserError):
        failure(storage, root)


def test_a_bad_config_is_recorded_too(storage: Storage, root: str) -> None:
    with pytest.raises(ConfigError, match=r"counting\.epochs: unknown key"):
        launch.run_stage(STAGE, '{"epochs": 3}', {})
    assert failure(storage, root)["reason"] == (
        "ConfigError: counting.epochs: unknown key (value 3)"
    )


def test_a_missing_input_fails_before_any_work(storage: Storage, root: str) -> None:
    gone = f"{root}/exports/notes/{'0' * 16}#sha256={'0' * 64}"
    with pytest.raises(DatasetError, match="nothing is published here"):
        launch.run_stage(STAGE, "{}", {"notes": gone})
    assert failure(storage, root)["error"] == "DatasetError"


def test_secrets_stay_out_of_what_is_recorded(
    storage: Storage, root: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    message = f"key {secret} is wrong for http://user:hunter2@host/path"

    def run(*_: object) -> None:
        raise UserError(message)

    stage = Stage("leaking", STAGE.config, run)
    monkeypatch.setitem(sys.modules, "leaking", type(sys)("leaking"))
    sys.modules["leaking"].STAGE = stage  # type: ignore[attr-defined]
    with pytest.raises(SystemExit):
        launch.run_component("leaking", "{}", {}, None, None, None)
    shown = "key *** is wrong for http://***@host/path"
    assert failure(storage, root, "leaking.counting")["reason"] == f"UserError: {shown}"
    assert f"error: leaking: {shown}" in capsys.readouterr().out


def test_two_steps_of_one_stage_keep_apart(storage: Storage, root: str, client: Any) -> None:
    for system in ("counting", "other"):
        launch.run_stage(STAGE, json.dumps({"steps": 2, "system": system}), {})
    parent = client.get_run(parent_run_id("run-1"))
    assert {"counting/loss", "counting.other/loss"} <= set(parent.data.metrics)
    assert parent.data.params["counting.other.system"] == "other"


def test_run_component_fills_artifacts_and_leaves_their_uri(
    storage: Storage, tmp_path: Path
) -> None:
    manifest = dsl.Artifact(uri=str(tmp_path / "manifest"))
    metrics = dsl.Metrics(uri=str(tmp_path / "metrics"))
    page = dsl.HTML(uri=str(tmp_path / "page"))
    before = [artifact.uri for artifact in (manifest, metrics, page)]
    found = launch.run_component("counting_stage", '{"steps": 2}', {}, manifest, metrics, page)
    assert [artifact.uri for artifact in (manifest, metrics, page)] == before
    shown = json.loads(Path(manifest.path).read_text())
    assert shown["policy"]["reference"] == found["policy"]
    assert shown["policy"]["kind"] == "policy"
    assert metrics.metadata["notes"] == 0.0
    # KFP's local cache forgets a step one of whose artifacts has no file.
    assert json.loads(Path(metrics.path).read_text())["notes"] == 0.0
    assert Path(page.path).read_text() == "<h1>Counting</h1>"


def test_run_component_says_a_user_error_in_one_line(capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        launch.run_component("counting_stage", '{"epochs": 1, "lr": 2}', {}, None, None, None)
    assert caught.value.code == 1
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("error: ")]
    assert line == (
        "error: counting: counting.epochs: unknown key (value 1) | "
        "counting.lr: unknown key (value 2)"
    )


def test_run_component_says_a_defect_in_one_line_and_raises(capsys: Any) -> None:
    with pytest.raises(RuntimeError):
        launch.run_component("counting_stage", '{"fault": "defect"}', {}, None, None, None)
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("error: ")]
    assert line.startswith("error: counting: RuntimeError at counting_stage.py:")


@pytest.mark.parametrize("value", ["", "bucket/prefix", "s3://", "s3://b/p#sha256=x", "http://b"])
def test_the_root_is_checked(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", value)
    with pytest.raises(UserError, match="INSTRUCTFLOW_ROOT"):
        launch.root_from_environment()


def test_inputs_that_stayed_empty_are_told(
    storage: Storage, root: str, client: Any, tmp_path: Path
) -> None:
    note = notes(storage, root, tmp_path / "notes")
    config = json.dumps({"steps": 2, "system": "other"})
    outputs = launch.run_stage(STAGE, config, {"notes": [note], "more": [], "last": ""})
    parent = client.get_run(parent_run_id("run-1")).data.params
    told = {name: value for name, value in parent.items() if ".input." in name}
    assert told == {"counting.other.input.more": "none", "counting.other.input.last": "none"}
    # A run that takes the work from the cache says the same.
    (record,) = work.behind(storage, root, outputs.references["policy"])
    assert record.params["counting.input.more"] == "none"
    assert "counting.input.notes" not in record.params
