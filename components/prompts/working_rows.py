"""Rows between two steps, on disk: memory holds what is being read, and a few bytes a row.

Files are read with ``read`` and not mapped: pages of a mapped file would count as the process's
memory. All of them lie in the stage's scratch folder and are gone when it ends.
"""

import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Indices = npt.NDArray[np.int64]


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


class Strings:
    """Strings by row number; in memory 8 bytes for each."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=1 << 20)
        self._ends = array("q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def extend(self, texts: pa.Array) -> None:
        """Append an Arrow array of strings without nulls."""
        if not len(texts):
            return
        _, offsets, data = texts.buffers()
        ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        if data is not None:
            self._file.write(memoryview(data)[int(ends[0]) : int(ends[-1])])
        self._ends.frombytes((ends[1:].astype(np.int64) - ends[0] + self._ends[-1]).tobytes())

    def take(self, rows: Indices) -> list[str]:
        """The strings of some rows, in the order asked for."""
        self._file.flush()
        handle, ends = self._file.fileno(), self._ends
        found = [""] * len(rows)
        # In the order of the file: what lies side by side is read from the page at hand.
        for place in np.argsort(rows, kind="stable").tolist():
            row = int(rows[place])
            start, end = ends[row], ends[row + 1]
            if end > start:
                found[place] = os.pread(handle, end - start, start).decode()
        return found

    def close(self) -> None:
        """Let go of the file, and of where its strings end."""
        self._file.close()
        self._ends = array("q", [0])


class Vectors:
    """Rows of as many bytes each (signatures); nothing of them stays in memory."""

    def __init__(self, path: Path, width: int) -> None:
        self._file = path.open("w+b", buffering=1 << 20)
        self._path = path
        self.width = width
        self._rows = 0

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
        size = self.width
        data = os.pread(self._file.fileno(), (end - start) * size, start * size)
        return np.frombuffer(data, np.uint8).reshape(-1, self.width)

    def take(self, rows: Indices) -> npt.NDArray[np.uint8]:
        """Some rows in the order asked for, shape (len(rows), width)."""
        self._file.flush()
        handle, size = self._file.fileno(), self.width
        found = np.empty((len(rows), self.width), dtype=np.uint8)
        for place in np.argsort(rows, kind="stable").tolist():
            found[place] = np.frombuffer(os.pread(handle, size, int(rows[place]) * size), np.uint8)
        return found

    def selected(self, rows: Indices, path: Path) -> Self:
        """Those rows (ascending) as vectors of their own; these where all are asked for."""
        if len(rows) == self._rows:
            return self
        other = type(self)(path, self.width)
        for start in range(0, len(rows), _BLOCK):
            other.extend(self.take(rows[start : start + _BLOCK]))
        return other

    def mapped(self) -> npt.NDArray[np.uint8]:
        """All rows as one array that lies on disk, shape (rows, width)."""
        self._file.flush()
        if not self._rows:
            return np.empty((0, self.width), dtype=np.uint8)
        return np.memmap(self._path, np.uint8, "r", shape=(self._rows, self.width))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


#: Vectors copied at a time.
_BLOCK = 4096


class Column:
    """Numbers that come a batch at a time and are one array in the end."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._parts: list[npt.NDArray[np.generic]] = []

    def extend(self, values: pa.Array | npt.NDArray[np.generic]) -> None:
        """Append the values of a batch."""
        if isinstance(values, np.ndarray):
            part = values
        elif pa.types.is_fixed_size_binary(values.type):
            part = digests(values)
        else:
            part = values.to_numpy(zero_copy_only=False)
        self._parts.append(part.astype(self._dtype))
        if len(self._parts) > 1024:
            self._parts = [np.concatenate(self._parts)]

    def array(self, shape: Sequence[int] = (-1,)) -> npt.NDArray[Any]:
        """All values."""
        if not self._parts:
            return np.empty(0, self._dtype).reshape(shape)
        self._parts = [np.concatenate(self._parts)]
        return self._parts[0].reshape(shape)


def digests(values: pa.Array) -> npt.NDArray[np.uint64]:
    """An Arrow array of 16-byte values as numbers, shape (rows, 2)."""
    _, data = values.buffers()
    start = 16 * values.offset
    raw = np.frombuffer(data, np.uint8)[start : start + 16 * len(values)]
    return raw.view(np.uint64).reshape(-1, 2)
