"""Corpora for the benchmarks of deduplication: real prompts with planted duplicates.

The base is every prompt of ``prompts_chat``, ``self_instruct`` and ``t0_50k`` (57,000). To these
come duplicates of prompts drawn from them: exact ones (other case, other white space, zero-width
characters) and near ones (one word in fifty changed, left out or doubled), three to two. Larger
corpora are the base again and again in made-up languages: each copy swaps its letters in its own
way, so that similarities within a copy stay as they are and nothing is alike across copies.
"""

import gzip
import itertools
import json
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from components.prompts.dedup.shingles import shingle_sets

DATA = Path(__file__).parents[4] / "shared" / "data"
FOLDERS = ("prompts_chat", "self_instruct", "t0_50k")
#: Prompts of a corpus that are real, the others are planted: 57% of 100,000.
_REAL = 0.57
_EXACT = 0.6
_BATCH = 2000


def missing() -> str:
    """Why the benchmarks cannot run, or ""."""
    absent = [folder for folder in FOLDERS if not (DATA / folder).is_dir()]
    return f"../shared/data/{', '.join(absent)} is not here" if absent else ""


def real_prompts() -> list[str]:
    """All prompts of the three folders, in their order."""
    with gzip.open(DATA / "t0_50k" / "t0_50k.jsonl.gz", "rt", encoding="utf-8") as file:
        prompts = [json.loads(line)["prompt"] for line in file]
    prompts += [row["prompt"] for row in _rows("prompts_chat", "submission_log.jsonl")]
    for name in ("seed_tasks.jsonl", "user_oriented_instructions.jsonl"):
        for task in _rows("self_instruct", name):
            asked = task["instances"][0]["input"]
            prompts.append(f"{task['instruction']}\n\n{asked}".strip())
    return prompts


def _rows(*path: str) -> list[dict[str, Any]]:
    lines = DATA.joinpath(*path).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def corpus(count: int, seed: int) -> Iterator[str]:
    """``count`` prompts, real and planted, in a random order that depends on the seed."""
    base = real_prompts()
    size = min(count, int(len(base) / _REAL))
    for number in range(-(-count // size)):
        rng = random.Random(f"{seed} {number}")
        drawn = base if size * _REAL >= len(base) - 1 else rng.sample(base, int(size * _REAL))
        planted = (_planted(rng, rng.choice(drawn)) for _ in range(size - len(drawn)))
        texts = [*drawn, *planted]
        rng.shuffle(texts)
        swap = _letters(rng) if number else {}
        yield from (text.translate(swap) for text in texts[: count - number * size])


def write(path: Path, texts: Iterator[str]) -> None:
    """Texts as an Arrow stream of one column ``text``."""
    schema = pa.schema([("text", pa.large_string())])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        while batch := list(itertools.islice(texts, _BATCH)):
            writer.write_batch(pa.record_batch([pa.array(batch, pa.large_string())], schema))


def true_clusters(normal: list[str], threshold: float) -> np.ndarray:
    """The cluster of each text, from the exact similarity of all pairs, shape (texts,)."""
    from scipy import sparse

    sets = [one for block in shingle_sets(normal) for one in block]
    sizes = np.array([len(one) for one in sets])
    _, columns = np.unique(np.concatenate(sets), return_inverse=True)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    ones = np.ones(len(columns), dtype=np.float32)
    table = sparse.csr_array((ones, columns, bounds))
    transposed = table.T.tocsr()
    edges: list[sparse.coo_array] = []
    for start in range(0, len(normal), 250):
        common = (table[start : start + 250] @ transposed).tocoo()
        union = sizes[start + common.row] + sizes[common.col] - common.data
        same = common.data >= threshold * union
        edges.append((start + common.row[same], common.col[same]))
    one = np.concatenate([edge[0] for edge in edges])
    two = np.concatenate([edge[1] for edge in edges])
    graph = sparse.coo_array((np.ones(len(one)), (one, two)), shape=(len(normal),) * 2)
    return sparse.csgraph.connected_components(graph, directed=False)[1]


def b_cubed(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """B-cubed precision and recall of clusters (Bagga and Baldwin 1998)."""
    _, both = np.unique(np.stack([found, truth], axis=1), axis=0, return_inverse=True)
    shared = np.bincount(both)[both]
    return (
        float((shared / _sizes(found)).mean()),
        float((shared / _sizes(truth)).mean()),
    )


def clusters_lost(stays: np.ndarray, truth: np.ndarray) -> int:
    """True clusters of which no row stays."""
    return len(np.unique(truth)) - len(np.unique(truth[stays]))


def _sizes(clusters: np.ndarray) -> np.ndarray:
    _, inverse = np.unique(clusters, return_inverse=True)
    return np.bincount(inverse)[inverse]


def _planted(rng: random.Random, text: str) -> str:
    if rng.random() < _EXACT:
        how = rng.randrange(4)
        if how == 0:
            return text
        if how == 1:
            return text.upper() if text.isascii() else text + " "
        if how == 2:
            return text.replace(" ", "  ")
        at = rng.randrange(len(text) + 1)
        return text[:at] + "\u200b" + text[at:]
    words = text.split(" ")
    for _ in range(max(1, len(words) // 50)):
        at = rng.randrange(len(words))
        words[at] = rng.choice(["", "really", f"{words[at]} {words[at]}"])
    return " ".join(words)


def _letters(rng: random.Random) -> dict[int, str]:
    """A permutation of the letters, the same for both cases."""
    swapped = rng.sample(string.ascii_lowercase, 26)
    pairs = list(zip(string.ascii_lowercase, swapped, strict=True))
    return {ord(a): b for a, b in pairs} | {ord(a.upper()): b.upper() for a, b in pairs}
