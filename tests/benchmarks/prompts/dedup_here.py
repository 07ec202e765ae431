"""Deduplicates an Arrow stream of texts with ``components.prompts.dedup``; a process by itself.

``dedup_here.py TEXTS STANDS_FOR MEMORY_MB [METHOD]``: writes the row that stands for each row
(.npy) and prints CPU seconds, peak memory (of all and by step) and counts as JSON.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from process_memory import peak_mb

from components.prompts.config import DedupConfig
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.exact import equal
from components.prompts.dedup.near import near_duplicates
from components.prompts.dedup.signatures import digests, signatures
from components.prompts.tables import Tables
from components.prompts.text.normal_forms import normal_forms, word_counts
from components.prompts.working_rows import Strings, Vectors

BINS = 256
_BATCH = 4096


def main(source: str, result: str, memory_mb: int, method: str, folder: Path) -> None:
    spent: dict[str, tuple[float, int]] = {}
    last = time.process_time()

    def step(name: str) -> None:
        nonlocal last
        now = time.process_time()
        spent[name] = round(now - last, 2), peak_mb()
        last = now

    begun = last
    tables = Tables(folder, memory_mb // 2)
    # All rows; those of them that stay after exact duplicates get a position.
    tables.create(
        "rows", "row bigint, digest blob, length bigint, words bigint, time bigint, over boolean"
    )
    every = Strings(folder / "every")
    with pa.OSFile(source) as stream:
        for batch in pa.ipc.open_stream(stream):
            normal = normal_forms(batch["text"].to_pylist())
            rows = np.arange(len(every), len(every) + len(normal))
            every.extend(pa.array(normal, pa.string()))
            tables.append("rows", {
                "row": rows, "digest": [key.tobytes() for key in digests(normal)],
                "length": [len(text) for text in normal], "words": word_counts(normal),
                "time": rows, "over": np.zeros(len(rows), dtype=np.bool_),
            })  # fmt: skip
    count = len(every)
    step("normal form and digest")

    tables.run(f"create table copies as {equal('select * from rows')}")
    step("exact")

    texts, queries = Strings(folder / "texts"), Strings(folder / "queries")
    vectors = Vectors(folder / "signatures", BINS)
    tables.create("stays", "position bigint, row bigint")
    left = "select row from rows anti join copies using (row) order by row"
    for batch in tables.stream(left, rows=_BATCH):
        rows = batch.column("row").to_numpy()
        taken = every.take(rows)
        positions = np.arange(len(texts), len(texts) + len(rows))
        tables.append("stays", {"position": positions, "row": rows})
        texts.extend(pa.array(taken, pa.string()))
        queries.extend(pa.array([""] * len(rows), pa.string()))
        vectors.extend(signatures(taken, BINS))
    step("signatures")

    config = DedupConfig.from_mapping({"method": method})
    query = f"from rows join stays using (row) where words >= {config.min_words}"
    corpus = Corpus(tables, query, texts, queries, vectors, folder)
    near = near_duplicates(corpus, config, memory_mb // 2).table
    step("near")

    stands_for = np.arange(count)
    report = {
        "cpu": round(time.process_time() - begun, 2),
        "peak_mb": peak_mb(),
        "rows": count,
        "exact": len(texts),
        "steps": spent,
    }
    # Copies last: what stands for them may itself be a near-duplicate.
    for name in (near, "copies"):
        for batch in tables.stream(f"select row, survivor from {name}"):
            stands_for[batch.column("row").to_numpy()] = batch.column("survivor").to_numpy()
    stands_for = stands_for[stands_for]
    np.save(result, stands_for)
    report["kept"] = int((stands_for == np.arange(count)).sum())
    print(json.dumps(report))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=Path(sys.argv[2]).parent) as scratch:
        main(*sys.argv[1:3], int(sys.argv[3]), [*sys.argv, "minhash"][4], Path(scratch))
