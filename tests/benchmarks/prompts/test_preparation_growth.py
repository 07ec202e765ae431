"""The whole stage at ten times the rows: time in proportion, memory by config.

Every run is a process of its own on one thread; CPU seconds. Its S3 is another process.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dedup_corpus
import peers
import pytest
from small_stages import PROVENANCE

from components.core.dataset import publish_records
from components.core.records import Message, RawPrompt
from components.core.storage import Storage

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(bool(dedup_corpus.missing()), reason=dedup_corpus.missing() or "-"),
]
HERE = Path(__file__).parent
ROWS, MORE = 100_000, 1_000_000
MEMORY_MB = 256
#: Libraries, downloads, and the windows of 100,000 rows in which Great Expectations checks what is
#: published: the same for any number of rows beyond.
BASE_MB = 600


def raw(count: int) -> Iterator[RawPrompt]:
    """Real prompts with planted duplicates; twenty rows a user."""
    for number, text in enumerate(dedup_corpus.corpus(count, seed=1)):
        message = Message("user", text if text.strip() else "hello")
        user = f"user {number * 7919 % (count // 20)}"
        yield RawPrompt(f"p{number}", user, "api", "plain", (message,), number)


def prepared(storage: Storage, root: str, count: int, folder: Path) -> dict[str, Any]:
    """One run of the stage."""
    reference = publish_records(storage, root, "raw_prompts", raw(count), PROVENANCE)
    script = [str(HERE / "preparation_here.py"), reference, root, str(folder), str(MEMORY_MB)]
    path = os.pathsep.join([str(HERE.parents[2]), str(HERE.parents[1]), str(HERE)])
    environment = os.environ | peers.one_thread() | {"PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, *script], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_million_rows_take_at_most_eleven_times_as_long(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    few = prepared(storage, root, ROWS, tmp_path / "few")
    many = prepared(storage, root, MORE, tmp_path / "many")
    print(f"\n{'rows':>10} {'CPU s':>8} {'wall s':>8} {'peak MB':>8} {'kept':>8}")
    for one in (few, many):
        print(
            f"{one['raw']:>10,.0f} {one['cpu']:>8.1f} {one['wall']:>8.1f} {one['peak_mb']:>8,}"
            f" {one['kept']:>8,.0f}"
        )
    assert many["raw"] == 10 * few["raw"] == MORE
    assert many["cpu"] <= 11 * few["cpu"]
    for one in (few, many):
        assert one["peak_mb"] <= BASE_MB + MEMORY_MB
