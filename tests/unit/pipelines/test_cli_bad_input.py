"""Bad input at the real command: a clear message or a reject, an exit code, never a traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rows_to_publish import MAPPED, SECRET, lines, row

from components.core.dataset import read_records, resolve
from components.core.records import RawPrompt, Reject
from components.core.storage import MissingBucket, Storage
from pipelines import cli

#: Nothing listens here.
NOWHERE = "http://127.0.0.1:9"
REFERENCE = "s3://bucket/models/base/0123456789abcdef#sha256=" + "0123456789abcdef" * 4


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: object
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def instructflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command's entry point, in a folder of its own; anything but an exit code is a defect."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **environment: str) -> Done:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["instructflow", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        told = capsys.readouterr()
        assert SECRET not in told.out + told.err
        return Done(caught.value.code, told.out, told.err)

    return run


@pytest.fixture
def here(storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    return tmp_path


# --- rows

#: A row of each kind that the issue names, and the reason it is rejected for.
ROWS: list[tuple[Any, str]] = [
    (b'{"key": "k9", "who": "u", "ask": "' + SECRET.encode() + b"\n", "malformed"),
    (b'{"key": "k9", "who": "u", "ask": "caf\xe9 ' + SECRET.encode() + b'"}\n', "invalid_utf8"),
    (row(9, who=None, ask=SECRET), "missing_user_id"),
    (row(9, ask=" \n"), "empty_prompt"),
    (row(9, ask=SECRET * 800_000), "too_long"),  # 10 MB
    (row(0, ask=SECRET), "duplicate_id"),
]


def test_each_bad_row_is_a_reject_with_its_reason(
    instructflow: Command, here: Path, storage: Storage, root: str
) -> None:
    path = here / "log.jsonl"
    path.write_bytes(lines(row(0), *(bad for bad, _ in ROWS), row(1)))
    mapped = [part for pair in MAPPED for part in ("--map", pair)]
    done = instructflow("publish", "raw_prompts", str(path), *mapped)
    assert done.code == 0, done.err
    for _, reason in ROWS:
        assert f"rejected: {reason}" in done.out
    kept = read_records(storage, resolve(storage, root, "raw_prompts"), RawPrompt)
    assert [prompt.id for prompt in kept] == ["k0", "k1"]
    rejects = list(read_records(storage, resolve(storage, root, "rejects"), Reject))
    assert [(r.row, r.reason) for r in rejects] == [(n + 1, why) for n, (_, why) in enumerate(ROWS)]
    assert SECRET not in repr(rejects)


def test_rankings_of_one_output_and_of_unknown_ones_are_rejects(
    instructflow: Command, here: Path, storage: Storage, root: str
) -> None:
    path = here / "rankings.jsonl"
    ranking = {"id": "r0", "messages": "Why?", "outputs": ["x", "y"], "ranks": [1, 2]}
    path.write_bytes(
        lines(
            ranking,
            ranking | {"id": "r1", "outputs": [SECRET], "ranks": [1]},
            ranking | {"id": "r2", "ranks": {"o0": 1, "o7": 2}},
        )
    )
    done = instructflow("publish", "rankings", str(path))
    assert done.code == 0, done.err
    rejects = read_records(storage, resolve(storage, root, "rejects"), Reject)
    assert [(r.row, r.reason) for r in rejects] == [(1, "too_few_outputs"), (2, "unknown_output")]


@pytest.mark.parametrize(
    ("dataset", "content", "words"),
    [
        ("rankings", b'{"id": "r", "messages": "Why?", "outputs": ["x"], "ranks": [1]}\n',
         ["none of 1 rows can be published as rankings", "1 too_few_outputs"]),
        ("raw_prompts", b"", ["the files hold no rows"]),
        ("raw_prompts", b"{not json\n", ["none of 1 rows", "1 malformed"]),
        ("labels", b"[{", ["data.jsonl: not valid JSON in UTF-8"]),
        ("labels", b"\xff\xfe[]", ["data.jsonl: not valid JSON in UTF-8"]),
        ("labels", b"{}", ["expected Label Studio's JSON export, a list of tasks"]),
        ("promts", b"{}\n", ["promts", "raw_prompts"]),
    ],
)  # fmt: skip
def test_files_of_which_nothing_can_be_used_are_one_message(
    instructflow: Command, here: Path, dataset: str, content: bytes, words: list[str]
) -> None:
    path = here / "data.jsonl"
    path.write_bytes(content)
    done = instructflow("publish", dataset, str(path))
    assert done.code == 2
    assert done.err.startswith("error: ")
    for word in words:
        assert word in done.err


# --- profiles


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"sft: {epoch: 2}\n", ["sft.epoch: unknown key (value 2)"]),
        (b"stf: {epochs: 2}\n", ["stf: unknown key"]),
        (b"sft: {epochs: 0}\n", ["sft.epochs: got 0", "greater than or equal to 1"]),
        (b"sft: {epochs: 2024-01-01}\n", ["sft.epochs: got '2024-01-01'", "integer"]),
        (b"sft: {learning_rate: .nan}\n", ["sft.learning_rate"]),
        (b"sft: 3\n", ["sft: got 3"]),
        (b"- sft\n", ["expected a mapping of sections, got list"]),
        (b"sft: {epochs: [\n", ["mine.yaml: not valid YAML"]),
        (b"sft: {system: caf\xe9}\n", ["mine.yaml: not valid YAML in UTF-8"]),
        (b"2024-01-01: {epochs: 2}\n", ["config: keys must be str"]),
    ],
)
def test_a_wrong_profile_names_the_key_the_value_and_the_form(
    instructflow: Command, tmp_path: Path, content: bytes, words: list[str]
) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    done = instructflow("show-config", "--profile", "mine.yaml")
    assert done.code == 2
    assert done.err.startswith("error: ")
    for word in words:
        assert word in done.err


# --- S3 and MLflow that are not there


def test_s3_that_is_not_there_is_named(instructflow: Command, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(lines(row(0)))
    elsewhere = {
        "AWS_ENDPOINT_URL": NOWHERE, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_MAX_ATTEMPTS": "1", "INSTRUCTFLOW_ROOT": "s3://bucket/x",
    }  # fmt: skip
    told = f"S3 at {NOWHERE} cannot be reached (EndpointConnectionError); is it running, and is AWS"
    for arguments in (
        ["run", "quickstart"],
        ["inspect", REFERENCE],
        ["publish", "raw_prompts", "log.jsonl"],
    ):
        done = instructflow(*arguments, **elsewhere)
        assert done.code == 2
        assert done.err.startswith("error: ")
        assert told in done.err
    # The same from a shell: nothing comes before or after the message.
    shell = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "inspect", REFERENCE],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (shell.returncode, shell.stdout) == (2, "")
    assert shell.stderr.startswith("error: ")
    assert shell.stderr.count("\n") == 1


@pytest.mark.usefixtures("here")
def test_wrong_credentials_are_named_and_not_shown(instructflow: Command) -> None:
    done = instructflow("inspect", REFERENCE, AWS_SECRET_ACCESS_KEY=SECRET)
    assert done.code == 2
    assert "AWS_SECRET_ACCESS_KEY" in done.err


def test_a_secret_that_a_message_quotes_is_not_shown(instructflow: Command) -> None:
    done = instructflow("run", SECRET, AWS_SECRET_ACCESS_KEY=SECRET)
    assert done.code == 2
    assert "***" in done.err


@pytest.mark.usefixtures("here")
def test_mlflow_that_is_not_there_is_found_by_the_doctor(instructflow: Command) -> None:
    absent = {"MLFLOW_TRACKING_URI": NOWHERE, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    done = instructflow("doctor", **absent)
    assert done.code == 1
    assert NOWHERE in done.out


@pytest.mark.parametrize("value", ["bucket/x", "s3://bucket/a b"])
def test_a_root_that_is_none_is_named(instructflow: Command, here: Path, value: str) -> None:
    (here / "log.jsonl").write_bytes(lines({"id": "p", "user_id": "u", "messages": "Why?"}))
    done = instructflow("publish", "raw_prompts", "log.jsonl", INSTRUCTFLOW_ROOT=value)
    assert done.code == 2
    assert value in done.err
    assert "expected s3://bucket" in done.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("arguments", [["run", "prompts"], ["publish", "raw_prompts", "log.jsonl"]])
def test_a_bucket_that_is_not_there_is_named_and_not_made(
    instructflow: Command, storage: Storage, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "log.jsonl").write_bytes(lines(row(0)))
    done = instructflow(*arguments, INSTRUCTFLOW_ROOT="s3://mistyped/weekly")
    assert done.code == 2
    assert done.err.startswith("error: s3://mistyped/weekly/: there is no bucket 'mistyped' in ")
    assert done.err.endswith("; create it first\n")
    with pytest.raises(MissingBucket):
        storage.exists("s3://mistyped/weekly/x")
