"""Deduplication: time, memory and what is found, beside peers and at ten times the size.

Every engine runs in a process of its own, one after the other, one thread each; CPU seconds. Ours
starts from raw texts on disk; the peers are given our normal forms.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dedup_corpus
import numpy as np
import peers
import pyarrow as pa
import pytest

from components.prompts.text.normal_forms import normal_forms

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(bool(dedup_corpus.missing()), reason=dedup_corpus.missing() or "-"),
]
HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
MEMORY_MB, LEAST_MB, BASE_MB = 512, 256, 300


def deduplicate(
    texts: Path, stands_for: Path, method: str = "minhash", memory_mb: int = MEMORY_MB
) -> dict[str, Any]:
    """One run of ours."""
    script = [str(HERE / "dedup_here.py"), str(texts), str(stands_for), str(memory_mb), method]
    return _report([sys.executable, *script])


def peer(python: Path, engine: str, normal: Path, stands_for: Path) -> dict[str, Any]:
    """One run of a peer."""
    script = str(HERE / "dedup_peers.py")
    return _report([str(python), script, engine, str(normal), str(stands_for)])


def _report(command: list[str]) -> dict[str, Any]:
    environment = peers.one_thread() | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _corpus(folder: Path, count: int) -> Path:
    path = folder / f"{count}.arrow"
    dedup_corpus.write(path, dedup_corpus.corpus(count, seed=1))
    return path


def _normal(path: Path) -> list[str]:
    with pa.OSFile(str(path)) as file:
        return [
            text
            for batch in pa.ipc.open_stream(file)
            for text in normal_forms(batch["text"].to_pylist())
        ]


def test_a_hundred_thousand_prompts_beside_peers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = peers.python_with("datasketch==2.0.0", "rensa==0.5.0")
    large, small = _corpus(tmp_path, 100_000), _corpus(tmp_path, 5_000)
    files = {}
    for path in (large, small):
        files[path] = path.with_suffix(".jsonl")
        files[path].write_text("".join(f"{json.dumps(text)}\n" for text in _normal(path)), "utf-8")
    truth = dedup_corpus.true_clusters(_normal(small), 0.8)

    rows = {}
    for engine in ("ours", "ours, prefix", "rensa", "datasketch"):
        result = tmp_path / "stands_for.npy"

        def run(path: Path, engine: str = engine, result: Path = result) -> dict[str, Any]:
            if engine.startswith("ours"):
                return deduplicate(path, result, "prefix" if "prefix" in engine else "minhash")
            return peer(python, engine, files[path], result)

        report = run(large)
        run(small)
        stands_for = np.load(result)
        stays = stands_for == np.arange(len(stands_for))
        report["lost"] = dedup_corpus.clusters_lost(stays, truth)
        report["precision"], report["recall"] = dedup_corpus.b_cubed(stands_for, truth)
        rows[engine] = report

    ours = rows["ours"]
    with capsys.disabled():
        print(f"\n100,000 prompts, {ours['exact']:,} after exact; truth by brute force on 5,000")
        print("engine        CPU s  ratio  peak MB    kept  lost of 5k  B3 precision / recall")
        for engine, row in rows.items():
            print(
                f"{engine:12} {row['cpu']:6.2f} {row['cpu'] / ours['cpu']:6.1f} "
                f"{row['peak_mb']:8,} {row['kept']:7,} {row['lost']:11} "
                f"{row['precision']:8.4f} / {row['recall']:.4f}"
            )
        print(f"ours by step: {ours['steps']}")
    assert ours["cpu"] <= 6
    assert ours["peak_mb"] <= 800
    assert ours["lost"] == 0
    assert ours["precision"] >= 0.999
    assert ours["recall"] >= 0.995
    assert rows["rensa"]["cpu"] > ours["cpu"]
    assert rows["datasketch"]["cpu"] > ours["cpu"]


def test_a_million_prompts_take_ten_times_as_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = _corpus(tmp_path, 100_000), _corpus(tmp_path, 1_000_000)
    files = [tmp_path / f"{number}.npy" for number in range(3)]
    one = deduplicate(small, files[0])
    ten = deduplicate(large, files[1])
    tight = deduplicate(large, files[2], memory_mb=LEAST_MB)
    with capsys.disabled():
        for report, memory_mb in ((one, MEMORY_MB), (ten, MEMORY_MB), (tight, LEAST_MB)):
            print(f"\n{report['rows']:,} prompts, memory_mb={memory_mb}: {report}")
        print(f"time: {ten['cpu'] / one['cpu']:.1f} times")
    assert ten["cpu"] <= 11 * one["cpu"]
    assert abs(ten["kept"] / one["kept"] - 10) < 0.2
    # What the config says, and libraries with a batch of texts: nothing a row.
    for report, memory_mb in ((one, MEMORY_MB), (ten, MEMORY_MB), (tight, LEAST_MB)):
        assert report["peak_mb"] <= memory_mb + BASE_MB
    assert np.array_equal(np.load(files[1]), np.load(files[2]))
