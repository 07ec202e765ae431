"""What deduplication sees of its rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from components.prompts.dedup.shingles import Rows
from components.prompts.tables import Tables
from components.prompts.working_rows import Numbers, Strings, Vectors

#: Rows of this round under the numbers that they are compared by.
_COLUMNS = "number bigint, row bigint, length bigint, time bigint, over boolean"
#: Signatures copied at a time.
_BLOCK = 1 << 12


class Corpus:
    """Rows that are to be compared, numbered 0..n-1 from the shortest to the longest, then by row.

    The table ``compared`` has what ``exact.SURVIVOR`` tells them apart by. Texts and signatures lie
    on disk.
    """

    def __init__(
        self,
        tables: Tables,
        query: str,
        texts: Strings,
        queries: Strings,
        signatures: Vectors,
        folder: Path,
    ) -> None:
        """Args:
        tables: get ``compared``.
        query: gives ``position`` (in the files), ``row``, ``length``, ``time`` and ``over`` of the
            rows.
        texts: normal forms by position.
        queries: normal forms of the few-shot queries by position, "" where a row has none.
        signatures: ``signatures.signatures`` of the normal forms by position.
        folder: for files; has to stay.
        """
        self.tables = tables
        self.folder = folder
        self._texts, self._queries = texts, queries
        self._positions = Numbers(folder / "compared.positions")
        #: By number, shape (n, bins).
        self.signatures = Vectors(folder / "compared.signatures", signatures.width)
        tables.create("compared", _COLUMNS)
        wanted = f"select position, row, length, time, over from ({query}) order by length, row"
        for first, batch in tables.enumerate(wanted):
            positions = batch.column("position").to_numpy()
            self._positions.extend(positions)
            for start in range(0, len(positions), _BLOCK):
                self.signatures.extend(signatures.take(positions[start : start + _BLOCK]))
            numbers = pa.array(np.arange(first, first + batch.num_rows))
            columns = batch.select(["row", "length", "time", "over"])
            tables.append("compared", columns.append_column("number", numbers))

    def __len__(self) -> int:
        return len(self._positions)

    def texts(self, numbers: Rows) -> list[str]:
        """Normal forms."""
        return self._texts.take(self._positions.take(numbers))

    def queries(self, numbers: Rows) -> list[str]:
        """Normal forms of the few-shot queries, "" where there is none."""
        return self._queries.take(self._positions.take(numbers))

    def close(self) -> None:
        """Let go of the files, and of the table."""
        self.tables.drop("compared")
        self._positions.close()
        self.signatures.close()
