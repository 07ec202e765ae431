"""Records to Parquet shards (zstd) and back, a row group at a time: memory stays bounded."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.core.manifest import File
from components.core.records import Record

#: Records that are turned into Arrow at once: at most so many, and about so many bytes.
CHUNK = 256
CHUNK_BYTES = 4 << 20
#: A row group is written when it holds this many rows or bytes (of Arrow memory).
GROUP_ROWS = 16_384
GROUP_BYTES = 16 << 20
#: A new shard is begun after this many bytes (of Arrow memory; about a third on disk).
SHARD_BYTES = 512 << 20

_BLOCK = 1 << 20


class NotConvertible(Exception):
    """A row does not fit the Arrow schema; says the row's place in its chunk and the column."""

    def __init__(self, row: int, field: str) -> None:
        super().__init__(f"row {row}: field {field}")
        self.row = row
        self.field = field


def batches(records: Iterable[Record], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Records as small record batches, smaller where rows are large. Raises NotConvertible."""
    iterator = iter(records)
    size = 8
    while chunk := [record.to_row() for record in islice(iterator, size)]:
        batch = to_batch(chunk, schema)
        size = max(1, min(CHUNK, CHUNK_BYTES * batch.num_rows // max(1, batch.nbytes)))
        yield batch


def to_batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as one record batch. Arrow's own error quotes the value, so it is not passed on.

    Arrow would cut a float down to an integer without a word: that is refused here.
    """
    for field in schema:
        if _has_integers(field.type):
            for number, row in enumerate(rows):
                if _cuts(field.type, row.get(field.name)):
                    raise NotConvertible(number, field.name)
    try:
        return pa.RecordBatch.from_pylist(rows, schema=schema)
    except (pa.ArrowException, UnicodeError, TypeError, ValueError, OverflowError):
        raise _culprit(rows, schema) from None


def _has_integers(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _has_integers(kind.value_type)
    if pa.types.is_struct(kind):
        return any(_has_integers(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_integer(kind))


def _cuts(kind: pa.DataType, value: Any) -> bool:
    """Whether a float stands where the type has an integer."""
    if pa.types.is_list(kind):
        return isinstance(value, list | tuple) and any(_cuts(kind.value_type, v) for v in value)
    if pa.types.is_struct(kind):
        parts = [kind.field(i) for i in range(kind.num_fields)]
        return isinstance(value, dict) and any(_cuts(p.type, value.get(p.name)) for p in parts)
    return bool(pa.types.is_integer(kind)) and isinstance(value, float)


def _culprit(rows: list[dict[str, Any]], schema: pa.Schema) -> NotConvertible:
    for number, row in enumerate(rows):
        for field in schema:
            try:
                pa.array([row.get(field.name)], type=field.type)
            except (pa.ArrowException, UnicodeError, TypeError, ValueError, OverflowError):
                return NotConvertible(number, field.name)
    return NotConvertible(0, "?")


class ShardWriter:
    """Writes ``part-00000.parquet`` and so on into a folder.

    The same rows in the same order give the same bytes (with the same version of Arrow).
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._schema = schema
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._shard_rows = 0
        self._shard_bytes = 0
        self._files: list[File] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows; writes a row group when enough have come together."""
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._pending_bytes += batch.nbytes
        if self._pending_rows >= GROUP_ROWS or self._pending_bytes >= GROUP_BYTES:
            self._write_group()

    def close(self) -> tuple[File, ...]:
        """Write what is left; the files, in order. No rows at all still make one (empty) shard."""
        self._write_group(even_if_empty=not self._files and self._writer is None)
        self._close_shard()
        return tuple(self._files)

    def _write_group(self, even_if_empty: bool = False) -> None:
        if not self._pending and not even_if_empty:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path(), self._schema, compression="zstd")
        table = pa.Table.from_batches(self._pending, self._schema).combine_chunks()
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._shard_rows += self._pending_rows
        self._shard_bytes += self._pending_bytes
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        if self._shard_bytes >= SHARD_BYTES:
            self._close_shard()

    def _close_shard(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._files.append(describe_file(self._path(), self._path().name, self._shard_rows))
        self._writer, self._shard_rows, self._shard_bytes = None, 0, 0

    def _path(self) -> Path:
        return self._folder / f"part-{len(self._files):05d}.parquet"


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The rows of a batch as plain values, ``CHUNK`` of them in memory at a time."""
    for start in range(0, batch.num_rows, CHUNK):
        yield from batch.slice(start, CHUNK).to_pylist()


def read_shard(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of one shard, about a thousand at a time."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group).to_batches(max_chunksize=1024)


def describe_file(path: Path, name: str, rows: int = 0) -> File:
    """A file's entry in a manifest; reads it once, a block at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return File(path=name, size=path.stat().st_size, sha256=digest.hexdigest(), rows=rows)
