"""Numbers and names of rows between the steps: tables on the scratch disk (DuckDB).

All that sorts, groups or joins the rows of a whole round happens here. It keeps to its memory and
puts what does not fit on disk, so that memory does not grow with the rows.

Joins run as they are written: the right side is kept at hand, the left one streams by. The right
side is therefore the one whose keys are distinct; a key that a million rows share would have to be
at hand all at once. Several large joins in a row are ``steps``: in one query they would share the
memory of one.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from components.core.errors import UserError

#: Megabytes below which large joins and sorts do not come to an end.
LEAST_MB = 128
#: Bytes that wait before they are written, and rows read at a time.
_WAITING, _ROWS = 4 << 20, 1 << 13


class Tables:
    """A database for one run, in ``memory_mb`` megabytes (at least ``LEAST_MB``) and one thread.

    What is asked of it raises UserError where memory or disk do not suffice.
    """

    def __init__(self, folder: Path, memory_mb: int) -> None:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{max(LEAST_MB, memory_mb)}MB",
            "temp_directory": str(folder / "tables-spilled"),
            "threads": 1,  # each would need memory of its own
            "autoload_known_extensions": False,  # nothing is fetched from anywhere
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,  # a name is a table's, never a variable's
        }
        self._folder, self._memory_mb = folder, memory_mb
        self._connection = duckdb.connect(str(folder / "tables.duckdb"), config=settings)
        self._connection.execute("set enable_progress_bar = false")
        self._connection.execute("set disabled_optimizers = 'join_order,build_side_probe_side'")
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._bytes = 0

    def create(self, table: str, columns: str) -> None:
        """An empty table in place of one of that name."""
        self.run(f"create or replace table {table} ({columns})")

    def drop(self, *tables: str) -> None:
        """Let go of tables, where they are."""
        for table in tables:
            self.run(f"drop table if exists {table}")

    def append(self, table: str, rows: pa.RecordBatch | Mapping[str, Any]) -> None:
        """Add rows to a table, by the names of its columns: a batch, or arrays."""
        if not isinstance(rows, pa.RecordBatch):
            rows = pa.RecordBatch.from_pydict(dict(rows))
        self._waiting.setdefault(table, []).append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= _WAITING:
            self._write_all()

    def run(self, statement: str, **values: Any) -> None:
        """Run a statement; ``$name`` in it is a value."""
        self._write_all()
        with self._telling():
            self._connection.execute(statement, values or None)

    def steps(self, queries: Mapping[str, str], **values: Any) -> None:
        """Queries that build on one another, each a table; only the last one stays.

        A step is given the values that it names.
        """
        for table, query in queries.items():
            named = {name: values[name] for name in re.findall(r"\$(\w+)", query)}
            self.run(f"create or replace table {table} as {query}", **named)
        self.drop(*list(queries)[:-1])

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """A small result, whole."""
        self._write_all()
        with self._telling():
            return self._connection.execute(query, values or None).fetchall()

    def number(self, query: str, **values: Any) -> int:
        """A result that is one whole number."""
        ((found,),) = self.rows(query, **values)
        return int(found or 0)

    def stream(self, query: str, rows: int = _ROWS, **values: Any) -> Iterator[pa.RecordBatch]:
        """A result of any size, so many rows at a time; others may be read meanwhile."""
        self._write_all()
        with contextlib.closing(self._connection.cursor()) as cursor:
            with self._telling():
                batches = iter(cursor.sql(query, params=values or None).to_arrow_reader(rows))
            while True:
                with self._telling():
                    batch = next(batches, None)
                if batch is None:
                    return
                yield batch

    def enumerate(
        self, query: str, rows: int = _ROWS, **values: Any
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """``stream``, each batch with the number of its first row in the result."""
        first = 0
        for batch in self.stream(query, rows, **values):
            yield first, batch
            first += batch.num_rows

    def close(self) -> None:
        """Let go of the files."""
        self._waiting.clear()
        self._connection.close()

    def _write_all(self) -> None:
        everything, self._waiting, self._bytes = self._waiting, {}, 0
        for table, batches in everything.items():
            self._connection.register("waiting", pa.Table.from_batches(batches))
            try:
                with self._telling():
                    self._connection.execute(f"insert into {table} by name select * from waiting")
            finally:
                self._connection.unregister("waiting")

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except duckdb.OutOfMemoryException:
            raise UserError(
                f"prompts.memory_mb: half of it, {self._memory_mb} MB, is too little to sort and "
                "join so many rows, or the disk has no room for what does not fit "
                f"({self._folder}); raise prompts.memory_mb, or set TMPDIR to a larger disk"
            ) from None
        except duckdb.IOException as error:
            raise UserError(
                f"{self._folder}: cannot keep what is known of rows ({type(error).__name__}): is "
                "the disk full? Set TMPDIR to a larger one"
            ) from error
