"""What runs on Spark's workers: the maps, and the comparison of candidates. No Spark in here.

Each function makes a map from Arrow batches to Arrow batches. Batches with columns of their own
travel through Spark's tables packed: one value each.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from components.core.dataset import read_batches
from components.core.storage import Storage
from components.prompts.config import DedupConfig, PromptsConfig
from components.prompts.dedup.candidates import bucket_pairs
from components.prompts.dedup.signatures import band_keys
from components.prompts.dedup.verify import NO, verify
from components.prompts.engines.process import treated
from components.prompts.look import look
from components.prompts.treat import Canary, Recipe, Treatment
from components.prompts.working_rows import Marks, Mask

Batches = Iterator[pa.RecordBatch]
Map = Callable[[Batches], Batches]
_PACKED = pa.schema([pa.field("data", pa.binary())])
#: Pairs that are verified at a time.
_PAIRS = 2048


@dataclass(frozen=True)
class Stretches:
    """The rows of a dataset, cut into pieces of nearly equal size."""

    reference: str
    rows: int
    pieces: int

    def bounds(self, piece: int) -> tuple[int, int]:
        """The first row of a piece, and the first behind it."""
        return piece * self.rows // self.pieces, (piece + 1) * self.rows // self.pieces

    def read(self, piece: int) -> Batches:
        """The rows of a piece, on whichever machine this is."""
        return read_batches(Storage.from_environment(), self.reference, *self.bounds(piece))


def looking(stretches: Stretches, config: PromptsConfig) -> Map:
    def run(pieces: Batches) -> Batches:
        for piece in _numbers(pieces):
            first = stretches.bounds(piece)[0]
            for batch in stretches.read(piece):
                yield _packed(look(batch, first, config.max_characters, config.split_key))
                first += batch.num_rows

    return run


def treating(
    stretches: Stretches, stays: Marks, canaries: tuple[Canary, ...], recipe: Recipe
) -> Map:
    def run(pieces: Batches) -> Batches:
        treatment = Treatment(recipe)
        for piece in _numbers(pieces):
            first = stretches.bounds(piece)[0]
            for batch in treated(stretches.read(piece), first, stays, canaries, treatment):
                yield _packed(batch)

    return run


def banding(chosen: Marks, config: DedupConfig, slots: int) -> Map:
    """From treated rows to one row a band: its key, and the slot whose keys are compared in one
    place."""

    def run(tables: Batches) -> Batches:
        for batch in _chosen(tables, chosen):
            rows = np.asarray(batch.column("row"))
            lengths = np.asarray(batch.column("length"))
            signatures = _signatures(batch.column("signature"))
            for band in range(config.bins // config.rows_per_band):
                keys = band_keys(signatures, band, config.rows_per_band)
                yield pa.RecordBatch.from_pydict(
                    {
                        "band": np.full(len(rows), band, dtype=np.int32),
                        "slot": (keys % np.uint64(slots)).astype(np.int32),
                        "key": keys.view(np.int64),
                        "row": rows,
                        "length": lengths,
                    }
                )

    return run


def pairing(neighbours: int) -> Callable[[pa.Table], pa.Table]:
    def run(group: pa.Table) -> pa.Table:
        key, length, row = (group.column(name).to_numpy() for name in ("key", "length", "row"))
        left, right = bucket_pairs(key.view(np.uint64), length, row, neighbours)
        return pa.table({"left": left, "right": right})

    return run


def texts(chosen: Marks) -> Map:
    def run(tables: Batches) -> Batches:
        for batch in _chosen(tables, chosen):
            signatures = batch.column("signature").cast(pa.binary())
            columns = [batch.column(name) for name in ("row", "text", "query")]
            names = ["row", "text", "query", "signature"]
            yield pa.RecordBatch.from_arrays([*columns, signatures], names)

    return run


def verifying(config: DedupConfig) -> Map:
    """Of pairs with their texts those that are near-duplicates."""

    def run(tables: Batches) -> Batches:
        for table in tables:
            for start in range(0, table.num_rows, _PAIRS):
                pairs = table.slice(start, _PAIRS)
                same = verify_joined(pairs, config)
                yield _packed(pairs.select(["left", "right"]).filter(pa.array(same)))

    return run


def verify_joined(pairs: pa.RecordBatch, config: DedupConfig) -> Mask:
    """Which pairs are near-duplicates; each comes with the texts of both sides."""
    sides = [np.asarray(pairs.column(side)) for side in ("left", "right")]
    _, first, at = np.unique(np.concatenate(sides), return_index=True, return_inverse=True)

    def both(name: str) -> pa.Array:
        columns = [pairs.column(f"{side}_{name}") for side in ("left", "right")]
        return pa.concat_arrays(columns).take(pa.array(first))

    texts, queries = both("text").to_pylist(), both("query").to_pylist()
    signatures = np.stack([np.frombuffer(one, np.uint8) for one in both("signature").to_pylist()])
    left, right = at.reshape(2, -1)
    similarity = verify(
        lambda some: [texts[row] for row in some.tolist()],
        lambda some: signatures[some],
        lambda some: [queries[row] for row in some.tolist()],
        left,
        right,
        config,
    )
    return np.not_equal(similarity, NO)


def _chosen(tables: Batches, chosen: Marks) -> Batches:
    """Treated rows that were chosen; canaries have negative numbers and are not among them."""
    for batch in _unpacked(tables):
        rows = np.asarray(batch.column("row"))
        inside = (rows >= 0) & chosen.holds(np.maximum(rows, 0))
        if inside.any():
            yield batch.filter(pa.array(inside))


def _numbers(pieces: Batches) -> Iterator[int]:
    for batch in pieces:
        yield from batch.column(0).to_pylist()


def _signatures(column: pa.Array) -> Any:
    joined = b"".join(column.to_pylist())
    return np.frombuffer(joined, np.uint8).reshape(len(column), -1)


def _packed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch as one value."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()])], schema=_PACKED)


def opened(data: bytes) -> Batches:
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        yield from reader


def _unpacked(tables: Iterable[pa.RecordBatch]) -> Batches:
    for table in tables:
        for data in table.column("data"):
            yield from opened(data.as_buffer())
