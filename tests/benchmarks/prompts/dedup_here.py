"""Deduplicates an Arrow stream of texts with ``components.prompts.dedup``; a process by itself.

``dedup_here.py TEXTS STANDS_FOR MEMORY_MB [METHOD]``: writes the row that stands for each row
(.npy) and prints CPU seconds, peak memory (of all and by step) and counts as JSON. Normal forms and
signatures
lie in files; only numbers are in memory.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from process_memory import peak_mb

from components.prompts.config import DedupConfig
from components.prompts.dedup.exact import equal
from components.prompts.dedup.near import near_duplicates
from components.prompts.dedup.signatures import digests, signatures
from components.prompts.text.normal_forms import normal_forms, word_counts

BINS = 256
_BATCH = 5000


class Rows:
    """Texts in a file, one behind the other; read by number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDONLY)

    def read(self, starts: np.ndarray, sizes: np.ndarray) -> list[str]:
        return [
            os.pread(self._file, size, start).decode("utf-8", "surrogatepass")
            for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
        ]


class Corpus:
    """Some rows of the file."""

    def __init__(self, rows: Rows, columns: dict[str, np.ndarray], chosen: np.ndarray) -> None:
        self._rows = rows
        self._columns = {name: column[chosen] for name, column in columns.items()}
        self.signatures: np.ndarray = np.empty((0, BINS), dtype=np.uint8)

    def __getattr__(self, name: str) -> np.ndarray:
        return self._columns[name]

    def __len__(self) -> int:
        return len(self._columns["starts"])

    def texts(self, rows: np.ndarray) -> list[str]:
        return self._rows.read(self.starts[rows], self.sizes[rows])

    def queries(self, rows: np.ndarray) -> list[str]:
        return [""] * len(rows)


def main(source: str, result: str, memory_mb: int, method: str, folder: Path) -> None:
    spent: dict[str, tuple[float, int]] = {}
    last = time.process_time()

    def step(name: str) -> None:
        nonlocal last
        now = time.process_time()
        spent[name] = round(now - last, 2), peak_mb()
        last = now

    begun = last
    parts: dict[str, list[np.ndarray]] = {"digests": [], "lengths": [], "words": [], "sizes": []}
    with pa.OSFile(source) as stream, (folder / "normal").open("wb") as out:
        for batch in pa.ipc.open_stream(stream):
            normal = normal_forms(batch["text"].to_pylist())
            coded = [text.encode("utf-8", "surrogatepass") for text in normal]
            out.writelines(coded)
            parts["digests"].append(digests(normal))
            parts["lengths"].append(np.array([len(text) for text in normal]))
            parts["words"].append(word_counts(normal))
            parts["sizes"].append(np.array([len(text) for text in coded]))
    columns = {name: np.concatenate(parts.pop(name)) for name in list(parts)}
    columns["starts"] = np.cumsum(columns["sizes"]) - columns["sizes"]
    columns["times"] = np.arange(len(columns["sizes"]))
    step("normal form and digest")

    stands_for = equal(columns["digests"], columns["lengths"], columns["times"])
    stays = np.flatnonzero(stands_for == np.arange(len(stands_for)))
    del columns["digests"]
    corpus = Corpus(Rows(folder / "normal"), columns, stays)
    del columns
    step("exact")

    with (folder / "signatures").open("wb") as out:
        for start in range(0, len(stays), _BATCH):
            rows = np.arange(start, min(start + _BATCH, len(stays)))
            out.write(signatures(corpus.texts(rows), BINS).data)
    corpus.signatures = np.memmap(folder / "signatures", np.uint8, "r", shape=(len(stays), BINS))
    step("signatures")

    config = DedupConfig.from_mapping({"method": method})
    clusters = near_duplicates(corpus, config, memory_mb)
    step("near")

    stands_for = stays[clusters.stands_for[np.searchsorted(stays, stands_for)]]
    np.save(result, stands_for)
    report = {
        "cpu": round(time.process_time() - begun, 2),
        "peak_mb": peak_mb(),
        "rows": len(stands_for),
        "exact": len(stays),
        "kept": int((stands_for == np.arange(len(stands_for))).sum()),
        "steps": spent,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=Path(sys.argv[2]).parent) as scratch:
        main(*sys.argv[1:3], int(sys.argv[3]), [*sys.argv, "minhash"][4], Path(scratch))
