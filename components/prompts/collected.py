"""What the two maps brought in: arrays in memory, texts on disk."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.prompts.report.audit import SPLITS
from components.prompts.working_rows import Batches, Column, Indices, Strings, Vectors

Digests = npt.NDArray[np.uint64]


class Looked:
    """Facts of all raw rows."""

    def __init__(self, folder: Path) -> None:
        self.ids = Strings(folder / "ids")
        #: Faults by row; a well-formed row has none.
        self.faults: dict[str, list[int]] = {}
        self._columns = {
            "characters": Column(np.int64),
            "id_key": Column(np.uint64),
            "user_key": Column(np.uint64),
            "digest": Column(np.uint64),
            "length": Column(np.int64),
            "time": Column(np.int64),
            "source": Column(np.int8),
        }

    def add(self, facts: pa.RecordBatch) -> None:
        """Take a batch of ``look.FACTS``; batches come in the order of the rows."""
        first = len(self.ids)
        assert facts.num_rows == 0 or facts.column("row")[0].as_py() == first
        self.ids.extend(facts.column("id"))
        for name, column in self._columns.items():
            column.extend(facts.column(name))
        for place, fault in enumerate(facts.column("fault").to_pylist()):
            if fault:
                self.faults.setdefault(fault, []).append(first + place)

    def __len__(self) -> int:
        return len(self.ids)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers."""
        return self._columns[name].array()

    def keys(self, name: str) -> Digests:
        """A column of 16-byte keys, shape (rows, 2)."""
        return self._columns[name].array((-1, 2))

    def forget(self, name: str) -> None:
        """A column that nobody needs any more."""
        del self._columns[name]


class Collected:
    """Treated rows. A position counts treated rows; ``rows`` says which raw rows they are."""

    def __init__(self, folder: Path, bins: int) -> None:
        self.batches = Batches(folder / "treated")
        self.texts = Strings(folder / "texts")
        self.queries = Strings(folder / "queries")
        self.signatures = Vectors(folder / "signatures", bins)
        #: Positions dropped by treatment, by (reason, rule).
        self.dropped: dict[tuple[str, str], list[int]] = {}
        self._columns = {
            "row": Column(np.int64),
            "digest": Column(np.uint64),
            "query_digest": Column(np.uint64),
            "length": Column(np.int64),
            "words": Column(np.int32),
            "tokens": Column(np.int32),
            "draw": Column(np.uint64),
            "split": Column(np.int8),
        }

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch of treated rows; batches come in the order of the rows."""
        first = len(self.texts)
        self.texts.extend(batch.column("text"))
        self.queries.extend(batch.column("query"))
        data = batch.column("signature")
        raw = np.frombuffer(data.buffers()[1], np.uint8).reshape(-1, self.signatures.width)
        self.signatures.extend(raw[data.offset : data.offset + len(data)])
        for name, column in self._columns.items():
            values = batch.column(name)
            if name == "split":
                values = pc.index_in(values, pa.array(SPLITS))
            column.extend(values)
        rules = batch.column("rule").to_pylist()
        for place, reason in enumerate(batch.column("reason").to_pylist()):
            if reason:
                self.dropped.setdefault((reason, rules[place]), []).append(first + place)
        self.batches.add(batch.drop_columns(["text", "query", "signature", "draw"]))

    def __len__(self) -> int:
        return len(self.signatures)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers, shape (positions,)."""
        return self._columns[name].array()

    def keys(self, name: str) -> Digests:
        """A column of 16-byte keys, shape (positions, 2)."""
        return self._columns[name].array((-1, 2))

    def forget_what_was_compared(self) -> None:
        """Texts and numbers that only the search for duplicates and the cap needed."""
        for name in ("query_digest", "length", "words", "draw"):
            del self._columns[name]
        self.texts.close()
        self.queries.close()

    def clusters(self, rows: Indices) -> list[str]:
        """The clusters that treated rows stand for, by their numbers among all rows."""
        positions = np.searchsorted(self.numbers("row"), rows)
        chosen = self.keys("digest")[positions].view(np.uint8).reshape(-1, 16)
        return [cluster_name(key.tobytes()) for key in chosen]


def cluster_name(digest: bytes) -> str:
    """Names a cluster after its survivor's normal form: the same in every round."""
    return "c-" + digest.hex()[:16]


class Selection:
    """Some treated rows as what deduplication compares. Its numbers count the selected rows."""

    def __init__(
        self, collected: Collected, positions: Indices, times: Indices, path: Path
    ) -> None:
        """Args:
        collected: all treated rows.
        positions: the selected ones, ascending.
        times: when they were written, Unix seconds.
        path: of a file for their signatures.
        """
        self.positions = positions
        self.rows: Indices = collected.numbers("row")[positions]
        self.lengths: Indices = collected.numbers("length")[positions]
        self.words: Indices = collected.numbers("words")[positions].astype(np.int64)
        self.times = times
        self._collected = collected
        self._signatures = collected.signatures.selected(positions, path)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def signatures(self) -> npt.NDArray[np.uint8]:
        """Signatures on disk, shape (rows, bins)."""
        return self._signatures.mapped()

    def texts(self, rows: Indices) -> list[str]:
        """Normal forms."""
        return self._collected.texts.take(self.positions[rows])

    def queries(self, rows: Indices) -> list[str]:
        """Normal forms of few-shot queries, "" for none."""
        return self._collected.queries.take(self.positions[rows])


def numbered(keys: Digests) -> tuple[Indices, Indices]:
    """For each row the number of its key, and for each number the first row that has it."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: rows of a key stay in order
    ordered = keys[order]
    fresh = np.ones(len(keys), dtype=np.bool_)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    number = np.empty(len(keys), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    return number, order[fresh]
