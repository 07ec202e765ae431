"""What the two maps brought in: tables of what tells rows apart, files of their texts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from components.prompts.tables import Tables
from components.prompts.working_rows import Batches, Indices, Mask, Strings, Vectors

#: Of all raw rows (``look.FACTS``).
_LOOKED = """row bigint, id varchar, fault varchar, characters bigint, id_key blob, user_key blob,
digest blob, length bigint, time bigint, source varchar, draw ubigint"""
#: Of treated rows, beside their ``position`` in the files; the words are those of ``treat``.
_TREATED = """position bigint, row bigint, reason varchar, rule varchar, source varchar,
time bigint, split varchar, tokens bigint, use_case varchar, language varchar,
digest blob, query_digest blob, length bigint, words bigint"""
_COLUMNS = [column.split()[0] for column in _TREATED.split(",")][1:]


def looked(tables: Tables, facts: Iterator[pa.RecordBatch]) -> int:
    """Fill the table ``looked``; returns how many rows there are. They come in their order."""
    tables.create("looked", _LOOKED)
    rows = 0
    for batch in facts:
        assert batch.num_rows == 0 or batch.column("row")[0].as_py() == rows
        tables.append("looked", batch)
        rows += batch.num_rows
    return rows


class Collected:
    """Treated rows: the table ``treated``, and files. A position counts treated rows."""

    def __init__(self, tables: Tables, folder: Path, bins: int) -> None:
        self.tables = tables
        self.batches = Batches(folder / "treated")
        self.texts = Strings(folder / "texts")
        self.queries = Strings(folder / "queries")
        self.signatures = Vectors(folder / "signatures", bins)
        tables.create("treated", _TREATED)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch of treated rows; batches come in the order of the rows."""
        positions = pa.array(np.arange(len(self), len(self) + batch.num_rows))
        self.texts.extend(batch.column("text"))
        self.queries.extend(batch.column("query"))
        data = batch.column("signature")
        raw = np.frombuffer(data.buffers()[1], np.uint8).reshape(-1, self.signatures.width)
        self.signatures.extend(raw[data.offset : data.offset + len(data)])
        numbers = batch.select(_COLUMNS)
        self.tables.append("treated", numbers.add_column(0, "position", positions))
        self.batches.add(batch.drop_columns(["text", "query", "signature"]))

    def __len__(self) -> int:
        return len(self.signatures)

    def beside(
        self, query: str, column: str
    ) -> Iterator[tuple[int, pa.RecordBatch, Mask, list[Any]]]:
        """All treated rows, a batch at a time, with what a query says of some of them.

        Args:
            query: gives ``position``, ascending, and ``column``.
            column: what is wanted.

        Yields:
            The first position of a batch, the batch, which of its rows the query names, and what
            it says of these.
        """
        ahead, start = _Ahead(self.tables.stream(query), column), 0
        for batch in self.batches.read():
            places, values = ahead.before(start + batch.num_rows)
            named = np.zeros(batch.num_rows, dtype=np.bool_)
            named[places - start] = True
            yield start, batch, named, values
            start += batch.num_rows

    def forget_what_was_compared(self) -> None:
        """Texts that only the search for duplicates needed."""
        self.texts.close()
        self.queries.close()


class _Ahead:
    """Reads a stream of ascending positions as far as is asked for."""

    def __init__(self, batches: Iterator[pa.RecordBatch], column: str) -> None:
        self._batches = batches
        self._column = column
        self._places = np.empty(0, dtype=np.int64)
        self._values: list[Any] = []

    def before(self, position: int) -> tuple[Indices, list[Any]]:
        """The positions that are left before this one, and their values."""
        while not len(self._places) or self._places[-1] < position:
            batch = next(self._batches, None)
            if batch is None:
                break
            self._places = np.append(self._places, batch.column("position").to_numpy())
            self._values += batch.column(self._column).to_pylist()
        end = int(np.searchsorted(self._places, position))
        found = self._places[:end], self._values[:end]
        self._places, self._values = self._places[end:], self._values[end:]
        return found


def cluster_name(digest: bytes) -> str:
    """Names a cluster after its survivor's normal form: the same in every round."""
    return "c-" + digest.hex()[:16]
