"""Corpora in memory, made-up sentences, and similarity by its definition."""

import itertools
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.prompts.config import DedupConfig
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.near import Clusters
from components.prompts.dedup.signatures import Signatures, digests, signatures
from components.prompts.tables import Tables
from components.prompts.text.normalise import normalise, words
from components.prompts.working_rows import Strings, Vectors

VOCABULARY = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "rt", "lm", "st")]
BINS = 256


@dataclass
class MadeCorpus:
    """Texts with all that is known of them, and the same as tables and files."""

    normal: list[str]
    times: np.ndarray
    asked: list[str]
    lengths: np.ndarray
    words: np.ndarray
    signatures: Signatures

    def __post_init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory()  # gone with this object
        self.folder = Path(self._scratch.name)
        self.tables = Tables(self.folder, 128)
        self.files = self.stored()

    def __len__(self) -> int:
        return len(self.normal)

    def stored(self) -> Vectors:
        """Fill the table ``treated``; returns the signatures."""
        columns = "position bigint, row bigint, digest blob, query_digest blob, length bigint"
        self.tables.create("treated", f"{columns}, words bigint, time bigint, over boolean")
        numbers = np.arange(len(self))
        asked = [
            bytes(key) if query else bytes(16)
            for key, query in zip(_blobs(self.asked), self.asked, strict=True)
        ]
        if len(self):
            self.tables.append("treated", {
                "position": numbers, "row": numbers, "digest": _blobs(self.normal),
                "query_digest": asked, "length": self.lengths, "words": self.words,
                "time": self.times, "over": [False] * len(self),
            })  # fmt: skip
        vectors = Vectors(self.folder / "signatures", BINS)
        vectors.extend(self.signatures)
        return vectors

    def compared(self, config: DedupConfig) -> Corpus:
        """The corpus of the rows that can have near-duplicates."""
        texts, queries = Strings(self.folder / "texts"), Strings(self.folder / "queries")
        texts.extend(pa.array(self.normal, pa.string()))
        queries.extend(pa.array(self.asked, pa.string()))
        query = f"select * from treated where words >= {config.min_words}"
        return Corpus(self.tables, query, texts, queries, self.files, self.folder)

    def outcome(self, clusters: Clusters) -> "Outcome":
        """What was found, by row."""
        stands_for, similarity = np.arange(len(self)), np.ones(len(self))
        for row, survivor, value in self.tables.rows(f"from {clusters.table}"):
            stands_for[row], similarity[row] = survivor, value
        return Outcome(stands_for, similarity, clusters.rule)


@dataclass
class Outcome:
    """The row that stands for each row, and how similar the two are."""

    stands_for: np.ndarray
    similarity: np.ndarray
    rule: str

    def dropped(self) -> np.ndarray:
        return np.flatnonzero(self.stands_for != np.arange(len(self.stands_for)))


def _blobs(texts: Sequence[str]) -> list[bytes]:
    return [key.tobytes() for key in digests(texts)]


def corpus(
    texts: Sequence[str], times: Sequence[int] | None = None, queries: Sequence[str] | None = None
) -> MadeCorpus:
    """A corpus of texts that are normalised here."""
    normal = [normalise(text) for text in texts]
    return MadeCorpus(
        normal,
        np.array(times if times is not None else [0] * len(texts), dtype=np.int64),
        list(queries or [""] * len(texts)),
        np.array([len(text) for text in normal], dtype=np.int64),
        np.array([words(text) for text in normal], dtype=np.int64),
        signatures(normal, BINS),
    )


def sentence(rng: random.Random, count: int) -> list[str]:
    return [rng.choice(VOCABULARY) for _ in range(count)]


def edited(rng: random.Random, words: Sequence[str], share: float) -> str:
    """A text with this share of its words replaced (at least one)."""
    changed = list(words)
    for at in rng.sample(range(len(changed)), max(1, int(share * len(changed)))):
        changed[at] = rng.choice(VOCABULARY)
    return " ".join(changed)


def brute(one: str, two: str) -> float:
    """Jaccard of 5-grams by the definition."""
    a, b = ({text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in (one, two))
    return len(a & b) / len(a | b)


def brute_clusters(texts: Sequence[str], threshold: float) -> list[int]:
    """The first row of each row's cluster, from all pairs."""
    first = list(range(len(texts)))
    for a, b in itertools.combinations(range(len(texts)), 2):
        if brute(texts[a], texts[b]) >= threshold:
            one, two = sorted((first[a], first[b]))
            first = [one if f == two else f for f in first]
    return first
