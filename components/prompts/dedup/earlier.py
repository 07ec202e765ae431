"""Prompts that an earlier round has published, recognised without reading old text.

What a round publishes of a prompt is its digest and its signature. A row of this round is known

1. by its digest: the same normal form, of any number of words; or
2. by its signature: in a bucket with an earlier one in some band, and the similarity that is
   estimated from the two signatures is at least ``config.similarity``. Both have ``min_words``
   words and, where both are few-shot prompts, the same query.

The estimate is not exact, and nothing can make it so without the old text. Its standard error is
0.028 at a similarity of 0.8 with 256 bins (``signatures.estimate``). With the threshold at 0.8, a
prompt whose similarity to an earlier one is 0.8 is recognised every other time, one of 0.86 or more
99 times in 100, and one of 0.7 or less is taken for a duplicate at most once in 1,000.

The split of the earlier prompt does not matter: what was in a validation or test split then must
not be trained on now, and what was trained on must not be tested on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.core.records import Signature, Split
from components.prompts.config import DedupConfig
from components.prompts.dedup.candidates import by_bucket
from components.prompts.dedup.published import SPLITS, Published, columns
from components.prompts.dedup.shingles import Rows, Similarities
from components.prompts.dedup.signatures import Keys, Signatures, band_keys, estimate, release

#: Earlier rows whose keys are computed, or pairs that are estimated, at a time.
_ROWS = 1 << 14


@dataclass(frozen=True)
class Matches:
    """Rows of this round that an earlier round has published. Legend: m such rows, ascending."""

    #: Number of the row in the block that was asked for, shape (m,).
    rows: Rows
    #: The earlier prompt: its id and the split it was in, m of each.
    ids: list[str]
    splits: list[Split]
    #: 1 where the digest matched, and else the estimate, shape (m,).
    similarity: Similarities
    #: For people: by what the row was recognised, m of them.
    rules: list[str]


class Earlier:
    """What earlier rounds have published. Signatures and buckets lie in files; some 100 bytes of an
    earlier row, and its id, are in memory."""

    def __init__(self, published: Published, config: DedupConfig, folder: Path) -> None:
        self._published = published
        self._config = config
        self._by_digest = np.argsort(published.digests[:, 0], kind="stable")
        self._halves = published.digests[self._by_digest, 0]
        # Rows that have near-duplicates, in order of length: buckets keep that order.
        rows = np.flatnonzero(published.words >= config.min_words)
        self._rows = rows[np.argsort(published.lengths[rows], kind="stable")]
        self._folder = folder
        for band in range(self._bands if len(self._rows) else 0):
            order, keys = by_bucket(self._band(band))
            self._rows[order].tofile(folder / f"earlier-rows-{band}")
            keys.tofile(folder / f"earlier-keys-{band}")
            release(published.signatures)

    @classmethod
    def from_rows(cls, rows: Iterable[Signature], config: DedupConfig, folder: Path) -> "Earlier":
        """From published rows; of equal ones the first counts. ``folder`` takes files of about 800
        bytes a row and has to stay. Raises BadInput where signatures cannot be compared."""
        return cls(columns(rows, config.bins, folder), config, folder)

    def __len__(self) -> int:
        return len(self._published.splits)

    def match(
        self, digests: Keys, signatures: Signatures, lengths: Rows, words: Rows, queries: Keys
    ) -> Matches:
        """Which rows of a block are known from earlier rounds; tens of thousands are best.

        Args:
            digests: ``signatures.digests`` of the normal forms, shape (rows, 2).
            signatures: ``signatures.signatures`` of them, shape (rows, bins).
            lengths: Characters, shape (rows,).
            words: Words, shape (rows,).
            queries: Digests of few-shot queries, zeros where there is none, shape (rows, 2).

        A row's result depends on the row and the earlier ones alone, not on its block. Of several
        earlier prompts the most similar counts, then the first.
        """
        found = self._of_digest(digests)
        equal = found >= 0
        similarity = equal.astype(np.float64)
        rows = np.flatnonzero(~equal & (words >= self._config.min_words))
        for one, two in self._candidates(signatures, rows, lengths):
            self._compare(signatures, queries, one, two, found, similarity)
        release(self._published.signatures)
        known = np.flatnonzero(found >= 0)
        threshold = self._config.similarity
        return Matches(
            known,
            self._published.ids.take(found[known]).to_pylist(),
            [SPLITS[at] for at in self._published.splits[found[known]].tolist()],
            similarity[known],
            [
                "digest: same normal form"
                if same
                else f"signature: estimated Jaccard {value:.2f} >= {threshold:g}"
                for same, value in zip(
                    equal[known].tolist(), similarity[known].tolist(), strict=True
                )
            ],
        )

    @property
    def _bands(self) -> int:
        return self._config.bins // self._config.rows_per_band

    def _band(self, band: int) -> Keys:
        """Keys of a band of the rows that have near-duplicates, in their order."""
        rows = self._rows
        return np.concatenate(
            [
                band_keys(
                    self._published.signatures[rows[start : start + _ROWS]],
                    band,
                    self._config.rows_per_band,
                )
                for start in range(0, len(rows), _ROWS)
            ]
        )

    def _of_digest(self, digests: Keys) -> Rows:
        """The first earlier row of the same digest, or -1, shape (rows,)."""
        found = np.full(len(digests), -1, dtype=np.int64)
        halves = self._halves
        at = np.searchsorted(halves, digests[:, 0])
        left = np.arange(len(digests))
        while True:  # a half that different digests share is rare
            left = left[at[left] < len(halves)]
            left = left[halves[at[left]] == digests[left, 0]]
            if len(left) == 0:
                return found
            earlier = self._by_digest[at[left]]
            same = self._published.digests[earlier, 1] == digests[left, 1]
            found[left[same]] = earlier[same]
            left = left[~same]
            at[left] += 1

    def _candidates(
        self, signatures: Signatures, rows: Rows, lengths: Rows
    ) -> Iterator[tuple[Rows, Rows]]:
        """Pairs (row, earlier row) of one bucket of some band: of each row, the ``neighbours`` next
        shorter and next longer earlier ones."""
        neighbours = self._config.neighbours
        for band in range(self._bands if len(self._rows) and len(rows) else 0):
            wanted = band_keys(signatures[rows], band, self._config.rows_per_band)
            keys = np.memmap(self._folder / f"earlier-keys-{band}", np.uint64, "r")
            earlier = np.memmap(self._folder / f"earlier-rows-{band}", np.int64, "r")
            first = np.searchsorted(keys, wanted)
            hit = np.flatnonzero(first < len(keys))
            hit = hit[keys[first[hit]] == wanted[hit]]
            first, last = first[hit], np.searchsorted(keys, wanted[hit], side="right")
            asking = rows[hit]
            # By halves: where each row would stand among its bucket's lengths.
            low, high = first.copy(), last.copy()
            while (low < high).any():
                middle = (low + high) // 2
                inside = np.minimum(middle, len(keys) - 1)
                shorter = self._published.lengths[earlier[inside]] < lengths[asking]
                open_ = low < high
                low = np.where(open_ & shorter, middle + 1, low)
                high = np.where(open_ & ~shorter, middle, high)
            first = np.maximum(first, low - neighbours)
            counts = np.minimum(last, low + neighbours) - first
            for start in range(0, len(hit), max(1, _ROWS // neighbours)):
                part = slice(start, start + max(1, _ROWS // neighbours))
                many = counts[part]
                within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
                yield (
                    np.repeat(asking[part], many),
                    np.asarray(earlier[np.repeat(first[part], many) + within]),
                )

    def _compare(
        self,
        signatures: Signatures,
        queries: Keys,
        one: Rows,
        two: Rows,
        found: Rows,
        similarity: Similarities,
    ) -> None:
        """Note the most similar earlier row of each row, where it is similar enough, in place."""
        # Zeros are no query.
        asked = np.flatnonzero((queries[one, 0] != 0) & (self._published.queries[two, 0] != 0))
        other = (queries[one[asked]] != self._published.queries[two[asked]]).any(axis=1)
        one, two = np.delete(one, asked[other]), np.delete(two, asked[other])
        values = estimate(signatures[one], self._published.signatures[two])
        # The best of each row comes last.
        order = np.lexsort((-two, values, one))
        one, two, values = one[order], two[order], values[order]
        best = np.ones(len(one), dtype=bool)
        best[:-1] = one[1:] != one[:-1]
        one, two, values = one[best], two[best], values[best]
        better = (values > similarity[one]) | ((values == similarity[one]) & (two < found[one]))
        better &= values >= self._config.similarity
        found[one[better]] = two[better]
        similarity[one[better]] = values[better]
