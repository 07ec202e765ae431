"""On Spark the same is published, to the byte, however rows are cut; and no secret reaches it."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from prompts_rows import logged
from small_stages import published, run_small

from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.stage import STAGE

PSEUDONYMS, ACCESS = "the key of pseudonyms", "the-secret-access-key"


def missing() -> str:
    """Why Spark cannot run here, or ""."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed (extra spark)"
    java = os.environ.get("JAVA_HOME", "")
    found = Path(java, "bin", "java").is_file() if java else shutil.which("java")
    return "" if found else "no Java: apt-get install openjdk-17-jre-headless"


needs_spark = pytest.mark.skipif(bool(missing()), reason=missing())


def config(**overrides: Any) -> PromptsConfig:
    return PromptsConfig.from_mapping({"user_cap": {"api": 30}} | overrides)


def on_spark(partitions: int, events: Path | None = None, **overrides: Any) -> PromptsConfig:
    settings = {"spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1"}
    if events is not None:
        settings |= {"spark.eventLog.enabled": "true", "spark.eventLog.dir": events.as_uri()}
    spark = {"master": "local[2]", "partitions": partitions, "settings": settings}
    return config(engine="spark", spark=spark, **overrides)


def run(
    chosen: PromptsConfig, inputs: dict[str, Any], storage: Storage, root: str, workdir: Path
) -> dict[str, str]:
    outputs, _, _ = run_small(STAGE, chosen, inputs, storage, root, workdir)
    return outputs.references


@needs_spark
def test_two_and_eight_partitions_publish_what_one_process_does(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    raw = {"raw_prompts": published(storage, root, "raw_prompts", logged(1200))}
    here = run(config(), raw, storage, root, tmp_path / "process")
    for partitions in (2, 8):
        there = run(on_spark(partitions), raw, storage, root, tmp_path / f"spark{partitions}")
        assert there == here
