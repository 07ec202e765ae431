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

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.core.records import Signature
from components.prompts.config import DedupConfig
from components.prompts.dedup.bands import Bands, Piece
from components.prompts.dedup.candidates import by_bucket
from components.prompts.dedup.published import stored
from components.prompts.dedup.shingles import Rows
from components.prompts.dedup.signatures import NO_QUERY, estimate
from components.prompts.tables import Tables
from components.prompts.working_rows import Marks, Vectors

_MEGABYTE = 1 << 20
#: Signatures copied, and pairs that are estimated, at a time.
_BLOCK, _PAIRS = 1 << 12, 1 << 14
#: Rows of both, from the shortest to the longest; of equal length, those of this round first.
_BY_LENGTH = """select length, false as old, row, position as place from asked
    anti join recognised using (row) where words >= $words
    union all select length, true, number, number from published where words >= $words
    order by length, old, row"""
#: The best of those that were found for a row, and then the first. A few-shot prompt is another one
#: where its query is.
_BEST = {
    "from_row": "select row, old, similarity from alike join by_length on rank = asked",
    "to_number": """select f.row, b.row as number, similarity
        from from_row as f join by_length as b on rank = old""",
    "with_query": """select t.*, query_digest as asked_query
        from to_number as t join asked using (row)""",
    "of_one_query": """select row, number, similarity
        from with_query join published using (number)
        where asked_query = query_digest or $none in (asked_query, query_digest)""",
    "best": """select row, arg_max(number, (similarity, -number)) as number,
        max(similarity) as similarity, false as same from of_one_query group by row""",
}


class Earlier:
    """What earlier rounds have published: the table ``published``, and signatures in a file."""

    def __init__(
        self, tables: Tables, signatures: Vectors, config: DedupConfig, folder: Path
    ) -> None:
        self._tables = tables
        self._signatures = signatures
        self._config = config
        self._folder = folder

    @classmethod
    def from_rows(
        cls, rows: Iterable[Signature], config: DedupConfig, tables: Tables, folder: Path
    ) -> "Earlier":
        """From published rows; of equal ones the first counts. ``folder`` takes files and has to
        stay. Raises BadInput where signatures cannot be compared."""
        return cls(tables, stored(rows, config.bins, tables, folder), config, folder)

    def __len__(self) -> int:
        return len(self._signatures)

    def match(self, query: str, signatures: Vectors, memory_mb: int) -> str:
        """Which rows are known from earlier rounds.

        Args:
            query: gives ``row``, ``position``, ``digest``, ``query_digest`` (zeros where there is
                none), ``length`` in characters and ``words`` of rows.
            signatures: ``signatures.signatures`` of the normal forms by position.
            memory_mb: for keys of both.

        Returns:
            The table of the rows that are known: ``row``; ``earlier``, the id of the prompt of an
            earlier round, of several the most similar, then the first; ``similarity``, 1 where the
            digests are the same and else the estimate; ``rule``, for people.

        A row's result depends on the row and the earlier ones alone.
        """
        tables = self._tables
        recognised_by_digest(tables, query)
        together, old = self._by_length(signatures)
        tables.create("alike", "asked bigint, old bigint, similarity double")
        memory = memory_mb * _MEGABYTE
        bands = Bands(together, self._config, self._folder, memory // 4, whole=True)
        with contextlib.closing(together), contextlib.closing(bands):
            for band in range(len(bands)):
                for piece in bands.pieces(band):
                    for one, two in _neighbours(piece, old, self._config.neighbours):
                        self._compare(together, one, two)
        tables.steps(_BEST, none=NO_QUERY)
        tables.run("insert into recognised by name from best")
        tables.drop("asked", "by_length", "alike", "best")
        return self._told()

    def close(self) -> None:
        """Let go of what was published."""
        self._tables.drop("published", "known")
        self._signatures.close()

    def _by_length(self, signatures: Vectors) -> tuple[Vectors, Marks]:
        """Rows that have near-duplicates, of this round and of earlier ones, by length: table
        ``by_length``; their signatures, and which of them are old."""
        tables, words = self._tables, self._config.min_words
        together = Vectors(self._folder / "by_length.signatures", self._config.bins)
        old = Marks(len(signatures) + len(self))
        tables.create("by_length", "rank bigint, row bigint")
        for first, batch in tables.enumerate(_BY_LENGTH, words=words):
            ranks = np.arange(first, first + batch.num_rows)
            places = batch.column("place").to_numpy()
            is_old = batch.column("old").to_numpy(zero_copy_only=False)
            old.add(ranks[is_old])
            for start in range(0, batch.num_rows, _BLOCK):
                part, of = places[start : start + _BLOCK], is_old[start : start + _BLOCK]
                block = np.empty((len(part), self._config.bins), dtype=np.uint8)
                block[of] = self._signatures.take(part[of])
                block[~of] = signatures.take(part[~of])
                together.extend(block)
            tables.append("by_length", {"rank": ranks, "row": batch.column("row")})
        return together, old

    def _compare(self, together: Vectors, one: Rows, two: Rows) -> None:
        """Note the pairs that are similar enough."""
        values = estimate(together.take(one), together.take(two))
        alike = values >= self._config.similarity
        pairs = {"asked": one[alike], "old": two[alike], "similarity": values[alike]}
        self._tables.append("alike", pairs)

    def _told(self) -> str:
        """The result, with a rule for people."""
        tables = self._tables
        tables.create("known", "row bigint, earlier varchar, similarity double, rule varchar")
        query = """select row, id as earlier, similarity, same
            from recognised join published using (number)"""
        threshold = f" >= {self._config.similarity:g}"
        for batch in tables.stream(query):
            rules = [
                "digest: same normal form"
                if same
                else f"signature: estimated Jaccard {value:.2f}{threshold}"
                for same, value in zip(
                    batch.column("same").to_pylist(),
                    batch.column("similarity").to_pylist(),
                    strict=True,
                )
            ]
            named = batch.drop_columns(["same"]).append_column("rule", pa.array(rules, pa.string()))
            tables.append("known", named)
        tables.drop("recognised")
        return "known"


def recognised_by_digest(tables: Tables, query: str) -> None:
    """The tables ``asked``, of a query's rows, and ``recognised``: by the same normal form."""
    columns = "row, position, digest, query_digest, length, words"
    tables.run(f"create or replace table asked as select {columns} from ({query})")
    tables.run(
        """create or replace table recognised as
        select row, p.number, 1.0::double as similarity, true as same from asked join
        (select digest, min(number) as number from published group by digest) as p
        using (digest)"""
    )


def _neighbours(piece: Piece, old: Marks, neighbours: int) -> Iterator[tuple[Rows, Rows]]:
    """Pairs (row, earlier row) of one bucket: of each row the ``neighbours`` next shorter and next
    longer earlier ones."""
    order, keys = by_bucket(piece.keys)
    rows = piece.rows[order]
    is_old = old.holds(rows)
    earlier, asking = rows[is_old], rows[~is_old]
    bucket, wanted = keys[is_old], keys[~is_old]
    # How many earlier rows come before each, in all buckets.
    before = np.cumsum(is_old)[~is_old]
    first = np.maximum(np.searchsorted(bucket, wanted), before - neighbours)
    last = np.minimum(np.searchsorted(bucket, wanted, side="right"), before + neighbours)
    hit = np.flatnonzero(last > first)
    asking, first, counts = asking[hit], first[hit], (last - first)[hit]
    step = max(1, _PAIRS // (2 * neighbours))
    for start in range(0, len(hit), step):
        part = slice(start, start + step)
        many = counts[part]
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        yield np.repeat(asking[part], many), earlier[np.repeat(first[part], many) + within]
