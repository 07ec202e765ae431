"""Rows between two steps, in files: memory holds what is being read.

All of them lie in the stage's scratch folder and are gone when it ends.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_contracts.mapped import release

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Bytes of a mapped file whose pages may stay in memory, and rows that are read of a larger one
#: before its pages are let go.
_SMALL, _READ = 16 << 20, 1 << 7


class Batches:
    """Record batches in the order in which they were written (an Arrow IPC stream)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sink: pa.OSFile | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Write a batch; all have one schema."""
        if self._writer is None:
            self._sink = pa.OSFile(str(self._path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_stream(self._sink, batch.schema, options=options)
        self._writer.write_batch(batch)

    def read(self) -> Iterator[pa.RecordBatch]:
        """All batches, one in memory at a time. Ends the writing."""
        if self._sink is None or self._writer is None:
            return
        if not self._sink.closed:
            self._writer.close()
            self._sink.close()
        with pa.OSFile(str(self._path), "rb") as source, pa.ipc.open_stream(source) as reader:
            yield from reader


class Vectors:
    """Rows of as many bytes each (a signature, a number)."""

    def __init__(self, path: Path, width: int) -> None:
        self._path = path
        self._file = path.open("w+b", buffering=1 << 20)
        self.width = width
        self._rows = 0
        self._mapped = np.empty((0, width), dtype=np.uint8)

    def __len__(self) -> int:
        return self._rows

    def extend(self, rows: npt.NDArray[np.uint8]) -> None:
        """Append rows, shape (rows, width)."""
        self._file.write(np.ascontiguousarray(rows, dtype=np.uint8).data)
        self._rows += len(rows)

    def blocks(self, rows: int) -> Iterator[npt.NDArray[np.uint8]]:
        """All rows in order, so many at a time."""
        for start in range(0, self._rows, rows):
            yield self.between(start, min(self._rows, start + rows))

    def between(self, start: int, end: int) -> npt.NDArray[np.uint8]:
        """Rows start..end-1, shape (end - start, width)."""
        self._file.flush()
        parts, at = [], start * self.width
        while rest := end * self.width - at:  # one call reads 2 GB at most
            parts.append(os.pread(self._file.fileno(), rest, at))
            at += len(parts[-1])
            if not parts[-1]:
                raise EOFError(f"{self._path.name}: rows {start} to {end} of {self._rows}")
        data = b"".join(parts)
        return np.frombuffer(data, np.uint8).reshape(-1, self.width)

    def take(self, rows: Indices) -> npt.NDArray[np.uint8]:
        """Some rows in the order asked for, shape (len(rows), width)."""
        if len(self._mapped) != self._rows:
            self._file.flush()
            self._mapped = np.memmap(self._path, np.uint8, "r", shape=(self._rows, self.width))
        if self._mapped.nbytes <= _SMALL:
            return np.asarray(self._mapped[rows])
        found = np.empty((len(rows), self.width), dtype=np.uint8)
        order = np.argsort(rows)
        for start in range(0, len(order), _READ):
            part = order[start : start + _READ]
            found[part] = self._mapped[rows[part]]
            release(self._mapped)
        return found

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        self._mapped = self._mapped[:0].copy()
        self._path.unlink(missing_ok=True)


class Numbers:
    """Whole numbers by place."""

    def __init__(self, path: Path) -> None:
        self._vectors = Vectors(path, 8)

    def __len__(self) -> int:
        return len(self._vectors)

    def extend(self, numbers: Indices) -> None:
        """Append numbers."""
        self._vectors.extend(numbers.astype(np.int64).view(np.uint8).reshape(-1, 8))

    def take(self, places: Indices) -> Indices:
        """The numbers at some places, in the order asked for."""
        return self._vectors.take(places).view(np.int64).reshape(-1)

    def close(self) -> None:
        """Remove the file."""
        self._vectors.close()


class Strings:
    """Strings by row number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w+b", buffering=1 << 20)
        #: Where each string begins, and where the last one ends.
        self._bounds = Numbers(path.with_suffix(".bounds"))
        self._bounds.extend(np.zeros(1, dtype=np.int64))
        self._end = 0

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def extend(self, texts: pa.Array) -> None:
        """Append an Arrow array of strings without nulls."""
        if not len(texts):
            return
        _, offsets, data = texts.buffers()
        ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        if data is not None:
            self._file.write(memoryview(data)[int(ends[0]) : int(ends[-1])])
        self._bounds.extend(ends[1:].astype(np.int64) - int(ends[0]) + self._end)
        self._end += int(ends[-1]) - int(ends[0])

    def take(self, rows: Indices) -> list[str]:
        """The strings of some rows, in the order asked for."""
        self._file.flush()
        handle = self._file.fileno()
        starts, ends = self._bounds.take(rows), self._bounds.take(rows + 1)
        found = [""] * len(rows)
        # In the order of the file: what lies side by side is read from the page at hand.
        for place in np.argsort(starts).tolist():
            start, end = int(starts[place]), int(ends[place])
            if end > start:
                found[place] = os.pread(handle, end - start, start).decode()
        return found

    def close(self) -> None:
        """Remove the files."""
        self._file.close()
        self._path.unlink(missing_ok=True)
        self._bounds.close()


class Marks:
    """Some of a number of rows; a bit for each row in memory."""

    def __init__(self, rows: int) -> None:
        self._bits = np.zeros(-(-rows // 8), dtype=np.uint8)

    @classmethod
    def of(cls, rows: int, marked: Iterator[pa.RecordBatch]) -> "Marks":
        """From batches whose first column numbers the marked rows, each once."""
        marks = cls(rows)
        for batch in marked:
            marks.add(batch.column(0).to_numpy())
        return marks

    def add(self, rows: Indices) -> None:
        """Mark rows."""
        np.bitwise_or.at(self._bits, rows >> 3, (1 << (rows & 7)).astype(np.uint8))

    def holds(self, rows: Indices) -> Mask:
        """Which of these rows are marked, shape as ``rows``."""
        bits = self._bits[rows >> 3] >> (rows & 7).astype(np.uint8)
        return np.asarray(bits & 1, dtype=np.bool_)

    def between(self, start: int, end: int) -> Mask:
        """Which of the rows start..end-1 are marked, shape (end - start,)."""
        first = start >> 3
        bits = np.unpackbits(self._bits[first : -(-end // 8)], bitorder="little")
        return np.asarray(bits[start - 8 * first : end - 8 * first], dtype=np.bool_)

    def __len__(self) -> int:
        """How many rows are marked."""
        return int(np.bitwise_count(self._bits).sum())
