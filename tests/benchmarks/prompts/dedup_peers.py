"""Deduplicates texts with a peer, as its documentation says; runs in the peers' environment.

``dedup_peers.py datasketch|rensa TEXTS STANDS_FOR``: texts are normal forms, a JSON string a line.
Exact duplicates go first; then 128 hashes, 16 bands of 8, character 5-grams, and candidates are
joined as they come: neither package verifies them. Writes the row that stands for each row (.npy)
and prints CPU seconds, peak memory and counts as JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from process_memory import peak_mb

_HASHES, _BANDS, _ROWS = 128, 16, 8
_BATCH = 1000


def shingles(text: str) -> set[str]:
    return {text[at : at + 5] for at in range(max(1, len(text) - 4))}


def datasketch_pairs(texts: list[str]) -> Iterator[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=_HASHES, params=(_BANDS, _ROWS))
    for row, text in enumerate(texts):
        one = MinHash(num_perm=_HASHES)
        one.update_batch([shingle.encode() for shingle in shingles(text)])
        yield from ((row, other) for other in index.query(one))
        index.insert(row, one)


def rensa_pairs(texts: list[str]) -> Iterator[tuple[int, int]]:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=0.8, num_perm=_HASHES, num_bands=_BANDS)
    found = []
    for start in range(0, len(texts), _BATCH):
        sets = [list(shingles(text)) for text in texts[start : start + _BATCH]]
        found += RMinHash.from_token_sets(sets, _HASHES, 42)
    index.insert_many(found)
    for row, others in enumerate(index.query_all(found)):
        yield from ((row, other) for other in others)


def main(pairs: Callable[[list[str]], Iterator[tuple[int, int]]], source: str, result: str) -> None:
    begun = time.process_time()
    with open(source, encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    first: dict[str, int] = {}
    same = [first.setdefault(text, row) for row, text in enumerate(texts)]
    rows = list(first.values())
    parent = list(range(len(rows)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    for one, two in pairs(list(first)):
        low, high = sorted((root(one), root(two)))
        parent[high] = low
    cluster = {row: rows[root(at)] for at, row in enumerate(rows)}
    stands_for = np.array([cluster[row] for row in same])
    np.save(result, stands_for)
    report = {
        "cpu": round(time.process_time() - begun, 2),
        "peak_mb": peak_mb(),
        "rows": len(texts),
        "exact": len(rows),
        "kept": len(set(stands_for.tolist())),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main({"datasketch": datasketch_pairs, "rensa": rensa_pairs}[sys.argv[1]], *sys.argv[2:4])
