"""Corpora in memory, made-up sentences, and similarity by its definition."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.prompts.dedup.signatures import Signatures, signatures
from components.prompts.text.normalise import normalise, words

VOCABULARY = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "rt", "lm", "st")]
BINS = 256


@dataclass
class MadeCorpus:
    """A ``Corpus`` over a list of texts."""

    normal: list[str]
    times: np.ndarray
    asked: list[str]
    lengths: np.ndarray
    words: np.ndarray
    signatures: Signatures
    #: How many texts were asked for.
    read: int = 0

    def __len__(self) -> int:
        return len(self.normal)

    def texts(self, rows: np.ndarray) -> list[str]:
        assert (np.diff(rows) > 0).all()
        self.read += len(rows)
        return [self.normal[row] for row in rows.tolist()]

    def queries(self, rows: np.ndarray) -> list[str]:
        assert (np.diff(rows) > 0).all()
        return [self.asked[row] for row in rows.tolist()]


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
