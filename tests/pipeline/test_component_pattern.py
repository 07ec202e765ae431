"""The pattern that all ``component.py`` follow, under KFP's own local runner."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from kfp import compiler, dsl, local

from components.core.image import IMAGE
from components.core.pipeline_run import parent_run_id
from components.core.references import open_manifest
from components.core.storage import Storage


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def counting(
    config: str,
    notes: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("policy", str)]):  # type: ignore[valid-type]
    """Count."""
    from components.core.launch import run_component

    outputs = run_component("counting_stage", config, {"notes": notes}, manifest, metrics, page)
    return (outputs["policy"],)


@dsl.pipeline(name="counting-twice")  # type: ignore[untyped-decorator]
def counting_twice(first_config: str, second_config: str) -> str:
    first = counting(config=first_config, notes="")
    second = counting(config=second_config, notes=first.outputs["policy"])
    return second.outputs["policy"]  # type: ignore[no-any-return]


@pytest.fixture
def here(here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """KFP's local runner in a folder of its own; the steps see this environment."""
    monkeypatch.setenv("INSTRUCTFLOW_RUN_ID", "run-1")
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(tmp_path / "kfp"),
        raise_on_error=True,
    )
    yield tmp_path / "kfp"
    local.config.LocalExecutionConfig.instance = None


def one(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"*/*/{name}"))


@pytest.mark.filterwarnings("ignore")
def test_steps_hand_on_references_and_fill_artifacts(
    here: Path, storage: Storage, root: str, mlflow_store: str
) -> None:
    configs = [json.dumps({"steps": 4}), json.dumps({"steps": 4, "system": "big"})]
    run = counting_twice(first_config=configs[0], second_config=configs[1])
    manifest = open_manifest(storage, run.output)
    (parent,) = manifest.provenance.parents
    assert manifest.name == "big"
    assert open_manifest(storage, parent).name == "counting"

    # What people see beside the parameters: files of the artifacts' own.
    shown = [json.loads(path.read_text()) for path in one(here, "manifest")]
    assert sorted(m["policy"]["reference"] for m in shown) == sorted([run.output, parent])
    assert [path.read_text() for path in one(here, "page")] == ["<h1>Counting</h1>"] * 2
    executions = [json.loads(path.read_text()) for path in one(here, "executor_output.json")]
    for execution in executions:
        (metrics,) = execution["artifacts"]["metrics"]["artifacts"]
        assert metrics["metadata"]["loss"] > 0
        for artifact in execution["artifacts"].values():
            assert not artifact["artifacts"][0]["uri"].startswith("s3://")

    from mlflow import MlflowClient

    client = MlflowClient(mlflow_store)
    figures = client.get_run(parent_run_id("run-1")).data.metrics
    assert figures["counting/notes"] == 0.0
    assert figures["counting.big/notes"] == 1.0


@pytest.mark.filterwarnings("ignore")
def test_a_bad_config_fails_the_step_with_one_line(
    here: Path, storage: Storage, root: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="counting"):
        counting_twice(first_config='{"steps": "four"}', second_config="{}")
    told = capfd.readouterr()
    output = told.out + told.err
    assert "error: counting: counting.steps: got 'four'; Input should be a valid integer" in output
    assert "Traceback" not in output.partition("error: counting")[2].partition("Task")[0]
    failure = json.loads(storage.get_bytes(f"{root}/failures/run-1/counting.json"))
    assert failure["error"] == "ConfigError"


def test_it_compiles_for_a_cluster(tmp_path: Path) -> None:
    package = tmp_path / "pipeline.yaml"
    compiler.Compiler().compile(counting_twice, str(package))
    text = package.read_text()
    assert f"image: {IMAGE}" in text
    assert "pip install" not in text
    assert "isOptional" not in text
    assert "defaultValue" not in text
