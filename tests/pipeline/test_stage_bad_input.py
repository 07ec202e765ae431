"""Bad input at a stage's command: one message and an exit code, never a traceback."""

import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_models import small_policy, small_tokenizer
from small_stages import published, published_folder

from components.core import shell
from components.core.dataset import open_manifest, read_records
from components.core.models import save_model
from components.core.records import (
    BlindOutput,
    Demonstration,
    KeyEntry,
    Message,
    Ranking,
    RawPrompt,
    Reject,
    Task,
)
from components.core.stage import Stage
from components.core.storage import Storage
from components.human_eval import import_stage
from components.promotion import stage as promotion
from components.prompts import stage as prompts
from components.sandbox import gold_stage, world_stage
from components.sandbox.label_studio import exported_task
from components.sandbox.labelers import Labeler, OutputLabel
from components.sft import stage as sft

NOWHERE = "http://127.0.0.1:9"
SECRET = "Zanzibar-4711"


@dataclass(frozen=True)
class Done:
    """What a stage's command left behind."""

    code: object
    #: References by output name; empty where it failed.
    references: dict[str, str]
    err: str


Command = Callable[..., Done]


@pytest.fixture
def command(
    storage: Storage, root: str, mlflow_store: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:  # fmt: skip
    """``python -m components.<stage>``, here; anything but an exit code is a defect."""
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", root.rpartition("/")[2])

    def run(stage: Stage[Any], config: dict[str, Any], inputs: dict[str, Any]) -> Done:
        arguments = ["--config", json.dumps(config)]
        for name, references in inputs.items():
            for reference in [references] if isinstance(references, str) else references:
                arguments += ["--input", f"{name}={reference}"]
        monkeypatch.setattr(sys, "argv", ["stage", *arguments])
        capsys.readouterr()
        code: object = 0
        try:
            shell.main(stage)
        except SystemExit as stopped:
            code = stopped.code
        told = capsys.readouterr()
        assert SECRET not in told.out + told.err
        return Done(code, json.loads(told.out) if told.out else {}, told.err)

    return run


@pytest.fixture
def demonstrations(storage: Storage, root: str) -> str:
    rows = [Demonstration(f"d{n}", "l", (Message("user", f"ask {n}"),), "a fig") for n in range(4)]
    return published(storage, root, "demonstrations", rows)


def refused(done: Done, *words: str) -> None:
    assert done.code == 1
    assert done.references == {}
    last = done.err.splitlines()[-1]
    assert last.startswith("error: ")
    for word in words:
        assert word in last


# --- inputs


def test_a_model_without_a_tokenizer_is_refused(
    command: Command, demonstrations: str, storage: Storage, root: str, tmp_path: Path
) -> None:
    small_policy().save_pretrained(tmp_path / "bare")
    base = published_folder(storage, root, "policy", "bare", tmp_path / "bare")
    done = command(sft.STAGE, {}, {"base": base, "demonstrations": demonstrations})
    refused(done, "bare-", "no tokenizer.json; a model folder holds its tokenizer")


def test_a_tokenizer_without_a_model_is_refused(
    command: Command, demonstrations: str, storage: Storage, root: str, tmp_path: Path
) -> None:
    small_tokenizer().save_pretrained(tmp_path / "half")
    base = published_folder(storage, root, "policy", "half", tmp_path / "half")
    done = command(sft.STAGE, {}, {"base": base, "demonstrations": demonstrations})
    refused(done, "half-", "no config.json; expected a Hugging Face model folder")


def test_an_input_that_was_not_given_or_given_twice_is_named(
    command: Command, demonstrations: str
) -> None:
    done = command(sft.STAGE, {}, {"demonstrations": demonstrations})
    refused(done, "input base: 0 references given, expected one (given are: demonstrations)")
    done = command(sft.STAGE, {}, {"base": [demonstrations] * 2})
    refused(done, "input base: 2 references given, expected one")


def misspelt(name: str) -> str:
    return name[:1] + name[2:] + name[1:2]


@pytest.mark.parametrize(
    ("stage", "name", "known"),
    [
        (prompts.STAGE, "earlier", "raw_prompts, policy, earlier, previous_audit"),
        (sft.STAGE, "pretraining", "base, demonstrations, pretraining"),
        (import_stage.STAGE, "prompts", "tasks, key, prompts, labels"),
        (gold_stage.STAGE, "samples", "tasks, samples"),
        (world_stage.STAGE, "prompts", "none"),
    ],
)
def test_a_misspelt_name_of_an_input_is_named(
    command: Command, stage: Stage[Any], name: str, known: str
) -> None:
    wrong = misspelt(name)
    done = command(stage, {}, {wrong: "s3://b/x/0"})
    assert (done.code, done.references) == (2, {})
    assert done.err.splitlines()[-1].endswith(
        f"error: --input {wrong}=s3://b/x/0: {stage.name} has no input '{wrong}'; it has: {known}"
    )


def test_a_dataset_of_something_else_is_named(
    command: Command, demonstrations: str, storage: Storage, root: str
) -> None:
    done = command(prompts.STAGE, {}, {"raw_prompts": demonstrations})
    refused(done, "is a dataset 'demonstrations' (Demonstration), not a dataset of RawPrompt")
    done = command(gold_stage.STAGE, {}, {"tasks": demonstrations})
    refused(done, f"input tasks: {demonstrations}: is a dataset 'demonstrations'", "of Task")


def test_a_reference_that_leads_nowhere_is_named(command: Command, root: str) -> None:
    digest = "0123456789abcdef" * 4
    gone = f"{root}/datasets/raw_prompts/{digest[:16]}#sha256={digest}"
    refused(command(prompts.STAGE, {}, {"raw_prompts": gone}), "raw_prompts", "manifest.json")


def test_a_wrong_key_and_a_wrong_value_of_the_config_are_named(command: Command) -> None:
    refused(command(sft.STAGE, {"epoch": 2}, {}), "sft.epoch: unknown key (value 2)")
    refused(command(sft.STAGE, {"epochs": "two"}, {}), "sft.epochs: got 'two'", "integer")


# --- services


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr("components.core.tracker.AWAY_LIMIT", 0.3)
    monkeypatch.setattr("components.core.tracker.FINISH_LIMIT", 0.3)


@pytest.fixture
def raw_prompts(storage: Storage, root: str) -> str:
    rows = [
        RawPrompt(f"p{n}", f"u{n}", "api", "plain", (Message("user", f"{SECRET} {n}?"),), n)
        for n in range(3)
    ]
    return published(storage, root, "raw_prompts", rows)


@pytest.mark.usefixtures("impatient")
def test_a_stage_does_its_work_without_mlflow(
    command: Command, raw_prompts: str, storage: Storage, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    done = command(prompts.STAGE, {}, {"raw_prompts": raw_prompts})
    assert done.code == 0
    assert open_manifest(storage, done.references["prompts"]).rows == 3
    assert f"MLflow at {NOWHERE} does not answer" in caplog.text
    assert "the step goes on" in caplog.text
    assert f"MLflow at {NOWHERE}: " in caplog.text
    assert "were lost" in caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_policy_cannot_be_registered_without_mlflow(
    command: Command, storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(small_policy(), small_tokenizer(), tmp_path / "ppo_ptx")
    policy = published_folder(storage, root, "policy", "ppo_ptx", tmp_path / "ppo_ptx")
    interval = {"win_rate": 0.6, "ci_low": 0.55, "ci_high": 0.65, "n": 400}
    summary = {
        "baseline": "sft", "policies": {"ppo_ptx": policy}, "win_rates": {"ppo_ptx": interval},
        "public_tasks": {}, "gold": {},
    }  # fmt: skip
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "summary.json").write_text(json.dumps(summary))
    report = published_folder(storage, root, "report", "report", tmp_path / "report")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    done = command(promotion.STAGE, {}, {"policies": [policy], "report": report})
    refused(done, f"MLflow at {NOWHERE}", "is it running, and is MLFLOW_TRACKING_URI right?")


@pytest.mark.usefixtures("impatient")
def test_a_stage_without_s3_says_where_it_looked(
    command: Command, raw_prompts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = command(prompts.STAGE, {}, {"raw_prompts": raw_prompts})
    refused(done, f"S3 at {NOWHERE} cannot be reached", "is AWS_ENDPOINT_URL right?")


# --- labels


def labeled(storage: Storage, root: str, folder: Path, change: Callable[[Any], None]) -> Any:
    """Three tasks, one labeler; ``change`` is done to the export before it is published."""
    tasks = [
        Task(f"t{n}", f"p{n}", (Message("user", SECRET),),
             (BlindOutput(f"a{n}", "one."), BlindOutput(f"b{n}", "two.")))
        for n in range(3)
    ]  # fmt: skip
    key = [KeyEntry(task.id, output.id, "sft", "") for task in tasks for output in task.outputs]
    who = Labeler(1, "labeler-00@example.com", 1.0, 0.0, 0.0)
    said = [OutputLabel(6, (), 1), OutputLabel(3, ("fails_task",), 2)]
    export = [exported_task(number, task, [(who, said)]) for number, task in enumerate(tasks)]
    change(export)
    folder.mkdir()
    (folder / "label_studio.json").write_text(json.dumps(export))
    return {
        "tasks": published(storage, root, "tasks", tasks),
        "key": published(storage, root, "key", key),
        "labels": [published_folder(storage, root, "labels", "labels", folder)],
    }


def unknown_control(annotation: Any) -> None:
    annotation["result"].append(
        {"from_name": "notes", "type": "textarea", "value": {"text": [SECRET]}}
    )


def unknown_output(annotation: Any) -> None:
    annotation["result"][-1]["value"]["ranker"]["rank2"] = ["o-of-another-task"]


def one_output(annotation: Any) -> None:
    """K = 1: only one of the outputs is ranked."""
    annotation["result"][-1]["value"]["ranker"].pop("rank2")


BROKEN = {
    "unknown_control": unknown_control,
    "unknown_output": unknown_output,
    "incomplete_ranking": one_output,
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_bad_annotation_is_a_reject_and_the_others_are_taken(
    command: Command, storage: Storage, root: str, tmp_path: Path, reason: str
) -> None:
    broken = random.Random(reason).randrange(3)
    inputs = labeled(
        storage,
        root,
        tmp_path / "labels",
        lambda export: BROKEN[reason](export[broken]["annotations"][0]),
    )
    done = command(import_stage.STAGE, {"resamples": 100}, inputs)
    assert done.code == 0, done.err
    rejects = list(read_records(storage, done.references["rejects"], Reject))
    assert [(reject.row, reject.reason) for reject in rejects] == [(broken, reason)]
    assert SECRET not in repr(rejects)
    rankings = list(read_records(storage, done.references["rankings"], Ranking))
    assert {ranking.prompt_id for ranking in rankings} == {"p0", "p1", "p2"} - {f"p{broken}"}


def test_labels_of_which_none_can_be_taken_are_an_error(
    command: Command, storage: Storage, root: str, tmp_path: Path
) -> None:
    def change(export: Any) -> None:
        for task in export:
            unknown_control(task["annotations"][0])

    inputs = labeled(storage, root, tmp_path / "labels", change)
    done = command(import_stage.STAGE, {"resamples": 100}, inputs)
    refused(done, "none of 3 annotations could be taken", "'unknown_control': 3")


def test_a_key_of_other_tasks_is_refused(
    command: Command, storage: Storage, root: str, tmp_path: Path
) -> None:
    inputs = labeled(storage, root, tmp_path / "labels", lambda export: None)
    other = [KeyEntry("t0", "a0", "sft", "")]
    inputs["key"] = published(storage, root, "key", other)
    done = command(import_stage.STAGE, {}, inputs)
    refused(done, "key: 3 tasks have outputs that it does not unblind, the first is t0")


def test_gold_without_anything_to_score_is_refused(command: Command) -> None:
    refused(command(gold_stage.STAGE, {}, {}), "neither tasks nor samples were given")
