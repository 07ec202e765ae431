"""On Spark the same is published, to the byte, however rows are cut; and no secret reaches it."""

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prompts_rows import logged
from small_models import small_policy, small_tokenizer
from small_stages import published, published_folder, run_small

from components.core.config import ConfigError
from components.core.dataset import read_records
from components.core.errors import UserError
from components.core.manifest import parse_reference
from components.core.models import save_model
from components.core.records import Message, RawPrompt, Reject
from components.core.storage import Storage
from components.prompts import stage
from components.prompts.config import PromptsConfig
from components.prompts.split import PSEUDONYM_KEY
from components.prompts.stage import STAGE

TOP = Path(__file__).parents[3]
QUIET = {"spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1"}


def missing() -> str:
    """Why Spark cannot run here, or ""."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed (extra spark)"
    home = os.environ.get("JAVA_HOME", "")
    java = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    return "" if java else "no Java: apt-get install openjdk-17-jre-headless"


def needs_spark(test: Any) -> Any:
    """Marks a test that takes a JVM and some ten seconds."""
    skip = pytest.mark.skipif(bool(missing()), reason=missing() or "-")
    return pytest.mark.slow(skip(test))


def config(**overrides: Any) -> PromptsConfig:
    return PromptsConfig.from_mapping({"user_cap": {"api": 12}} | overrides)


def on_spark(partitions: int, **overrides: Any) -> PromptsConfig:
    spark = {"master": "local[2]", "partitions": partitions, "settings": QUIET}
    return config(engine="spark", spark=spark, **overrides)


def run(
    chosen: PromptsConfig, inputs: dict[str, Any], storage: Storage, root: str, workdir: Path
) -> dict[str, str]:
    outputs, _, _ = run_small(STAGE, chosen, inputs, storage, root, workdir)
    return outputs.references


@pytest.fixture(scope="module")
def session(
    embedded_s3: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Path]]:
    """A local session, and where it writes what it did."""
    from pyspark.sql import SparkSession

    events = tmp_path_factory.mktemp("events")
    settings = QUIET | {
        "spark.sql.shuffle.partitions": "3",
        "spark.executorEnv.PYTHONPATH": str(TOP),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": events.as_uri(),
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        # Workers are forked by a daemon that has the environment of now.
        patch.setenv(PSEUDONYM_KEY, "")
        session = builder.getOrCreate()
        yield session, events
        session.stop()


def rows() -> list[RawPrompt]:
    """Plain ones of all kinds; few-shot prompts of one template, conversations, labelers'."""
    found = logged(900)
    shots = "\n".join(f"Animal: animal {n}\nSound: it says {n * 17}" for n in range(8))
    for number in range(24):
        text = f"{shots}\nAnimal: the beast of number {number // 2}\nSound:"
        message = Message("user", text + "!" * (number % 2))
        found.append(RawPrompt(f"f{number}", "lab", "labeler", "few_shot", (message,), number))
    for number in range(24):
        turns = [
            found[number].messages[0],
            Message("assistant", "So it is."),
            found[30].messages[0],
        ]
        found.append(RawPrompt(f"c{number}", f"u{number}", "api", "plain", tuple(turns), number))
    return found


@needs_spark
@pytest.mark.parametrize("partitions", [2, 8])
@pytest.mark.parametrize("method", ["minhash", "prefix"])
def test_two_and_eight_partitions_publish_what_one_process_does(
    method: str, partitions: int, session: Any, storage: Storage, root: str, tmp_path: Path
) -> None:
    tokenizer = small_tokenizer()
    save_model(small_policy(vocab_size=len(tokenizer)), tokenizer, tmp_path / "base")
    first = {"raw_prompts": published(storage, root, "raw_prompts", logged(300)[::3])}
    inputs = {
        "raw_prompts": published(storage, root, "raw_prompts", rows()),
        "policy": published_folder(storage, root, "policy", "base", tmp_path / "base"),
        "earlier": run(config(), first, storage, root, tmp_path / "first")["signatures"],
    }
    rules = {"dedup": {"method": method}, "max_tokens": 300}
    here = run(config(**rules), inputs, storage, root, tmp_path / "process")
    there = run(on_spark(partitions, **rules), inputs, storage, root, tmp_path / "spark")
    assert there == here
    # Much of what can befall a row was among it.
    reasons = {reject.reason for reject in read_records(storage, here["rejects"], Reject)}
    assert reasons >= {"malformed", "duplicate", "earlier_round", "user_cap", "too_long"}


@needs_spark
def test_no_secret_stands_in_what_spark_writes(
    session: tuple[Any, Path],
    storage: Storage,
    root: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    spark, events = session
    monkeypatch.setenv(PSEUDONYM_KEY, "a key of pseudonyms, long enough")
    keys: list[bytes] = []

    def noted(secret: str, seed: str) -> bytes:
        keys.append(run_key(secret, seed))
        return keys[-1]

    run_key = stage._run_key
    monkeypatch.setattr(stage, "_run_key", noted)
    inputs = {"raw_prompts": published(storage, root, "raw_prompts", logged(200))}
    pseudonymise = {"pii": {"policy": {"EMAIL": "pseudonymise"}}}
    run(on_spark(2, **pseudonymise), inputs, storage, root, tmp_path / "spark")
    written = b"".join(file.read_bytes() for file in events.rglob("*") if file.is_file())
    assert b"MapInArrow" in written  # plans are among it
    captured = capfd.readouterr()
    told = json.dumps(spark.sparkContext.getConf().getAll()) + captured.out + captured.err
    (key,) = keys
    secrets = [b"a key of pseudonyms, long enough", os.environ["AWS_SECRET_ACCESS_KEY"].encode()]
    secrets += [key, key.hex().encode(), base64.b64encode(key)]
    for secret in secrets:
        assert secret not in written
        assert secret not in told.encode()


@needs_spark
def test_what_a_worker_cannot_read_is_told_to_the_user(
    session: Any, storage: Storage, root: str, tmp_path: Path
) -> None:
    reference = published(storage, root, "raw_prompts", logged(50))
    prefix = parse_reference(reference).prefix
    storage.delete([f"{prefix}/part-00000.parquet"])
    with pytest.raises(UserError, match=r"part-00000\.parquet: is gone"):
        run(on_spark(2), {"raw_prompts": reference}, storage, root, tmp_path / "spark")


@needs_spark
def test_the_command_makes_a_session_of_its_own(
    storage: Storage, root: str, mlflow_store: str, tmp_path: Path
) -> None:
    reference = published(storage, root, "raw_prompts", logged(200))

    def command(chosen: PromptsConfig, **environment: str) -> subprocess.CompletedProcess[str]:
        stage = [sys.executable, "-m", "components.prompts", "--config", chosen.canonical_json()]
        known = os.environ | {"PYTHONPATH": str(TOP), "INSTRUCTFLOW_ROOT": root}
        return subprocess.run(
            [*stage, "--input", f"raw_prompts={reference}"],
            env=known | {"MLFLOW_TRACKING_URI": mlflow_store} | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    here, there = command(config()), command(on_spark(3))
    assert there.returncode == 0, there.stderr
    assert there.stdout == here.stdout
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in there.stderr
    # The same through Spark Connect, as the Kubeflow SDK has it: a server's address, no master.
    remote = config(engine="spark", spark={"partitions": 3})
    connected = command(remote, SPARK_REMOTE="local[2]", PYSPARK_PYTHON=sys.executable)
    assert connected.returncode == 0, connected.stderr
    assert connected.stdout == here.stdout
    without_java = command(on_spark(3), JAVA_HOME="/nonexistent")
    assert without_java.returncode == 1
    assert "Java 17" in without_java.stderr
    assert "Traceback" not in without_java.stderr


def test_without_pyspark_the_extra_is_named(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] == "pyspark":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    inputs = {"raw_prompts": published(storage, root, "raw_prompts", logged(5))}
    with pytest.raises(UserError, match=r"pip install 'instructflow\[spark\]'"):
        run(on_spark(2), inputs, storage, root, tmp_path / "spark")


@pytest.mark.parametrize(
    "name",
    [
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.access.key",
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY",
        "spark.kubernetes.authenticate.oauthToken",
        "spark.ssl.keyPassword",
    ],
)
def test_settings_that_hold_a_secret_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="environment"):
        config(spark={"settings": {name: "x"}})
    with pytest.raises(ConfigError, match="no Spark setting"):
        config(spark={"settings": {"executor.memory": "4g"}})


def test_where_rows_are_worked_on_is_no_part_of_the_rules() -> None:
    assert config().rules() == on_spark(5, memory_mb=256).rules()
    assert config().rules() != config(max_tokens=5).rules()
