"""The bands of some signatures: whole buckets, as many at a time as memory takes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.prompts.config import DedupConfig
from components.prompts.dedup.candidates import by_bucket
from components.prompts.dedup.shingles import Rows
from components.prompts.dedup.signatures import Keys, band_keys
from components.prompts.working_rows import Vectors

#: Signatures, and keys, read at a time.
_BLOCK = 1 << 14
#: Bytes that a row takes while its bucket is looked through.
_A_ROW = 80


class Piece(NamedTuple):
    """Some rows of one band. Legend: m rows, ascending."""

    #: Shape (m,).
    keys: Keys
    rows: Rows
    #: Pairs of rows before this one have been in a piece before.
    fresh: int


class Bands:
    """Keys of all bands, in a file each; ``memory`` is in bytes."""

    def __init__(
        self,
        signatures: Vectors,
        config: DedupConfig,
        folder: Path,
        memory: int,
        whole: bool = False,
    ) -> None:
        """Args:
        signatures: of the rows.
        config: says what a band is.
        folder: for the files.
        memory: for one piece.
        whole: a bucket never comes in turns, however large it is.
        """
        self._rows = len(signatures)
        self._neighbours = config.neighbours
        self._whole = whole
        self._capacity = max(1, memory // _A_ROW)
        count = config.bins // config.rows_per_band
        self._files = [tempfile.TemporaryFile(dir=folder) for _ in range(count)]  # noqa: SIM115
        for block in signatures.blocks(_BLOCK):
            for band, file in enumerate(self._files):
                file.write(band_keys(block, band, config.rows_per_band).tobytes())

    def __len__(self) -> int:
        return len(self._files)

    def pieces(self, band: int) -> Iterator[Piece]:
        """All buckets of a band: pairs that are neighbours in a bucket come in one piece.

        Rows go to slots by their keys, so that a slot holds whole buckets and fits. Where keys are
        so unequal that it does not, its rows come in turns, and each turn begins with the last
        rows of the buckets so far.
        """
        slots = 1 + self._rows // self._capacity
        for slot in range(slots):
            keys, rows, fresh = np.empty(0, np.uint64), np.empty(0, np.int64), 0
            waiting, count = [(keys, rows)], 0
            for start, block in self._blocks(band):
                chosen = np.flatnonzero(block % np.uint64(slots) == slot)
                waiting.append((block[chosen], start + chosen))
                count += len(chosen)
                if count > 2 * self._capacity and not self._whole:
                    keys, rows = (np.concatenate(part) for part in zip(*waiting, strict=True))
                    yield Piece(keys, rows, fresh)
                    last = _last_of_buckets(keys, self._neighbours)
                    waiting, count, fresh = [(keys[last], rows[last])], 0, start + len(block)
            if count:
                keys, rows = (np.concatenate(part) for part in zip(*waiting, strict=True))
                yield Piece(keys, rows, fresh)

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()

    def _blocks(self, band: int) -> Iterator[tuple[int, Keys]]:
        file = self._files[band]
        file.seek(0)
        start = 0
        while data := file.read(8 * _BLOCK):
            keys = np.frombuffer(data, np.uint64)
            yield start, keys
            start += len(keys)


def _last_of_buckets(keys: Keys, count: int) -> Rows:
    """Places of the last ``count`` members of each bucket, ascending."""
    order, ordered = by_bucket(keys)
    later = np.ones(len(keys), dtype=bool)
    later[:-count] = ordered[:-count] != ordered[count:]
    return np.sort(order[later])
