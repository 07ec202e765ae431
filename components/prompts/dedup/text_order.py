"""Rows in the order of their texts, however many and however long these are.

A database sorts short strings on disk, and gives up on as many long ones. So texts are sorted by
their beginnings, those that begin alike by what comes next, and so on (a radix sort from the left).
Each round reads the texts that are left: many long texts of one template take many rounds.
"""

from collections.abc import Iterator

import pyarrow as pa

from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.shingles import Rows

#: Characters that are compared in one round: at least so many of each text, more where there are
#: few texts left.
_LEAST, _TOGETHER = 256, 1 << 24
#: Texts read at a time.
_READ = 1 << 8


def in_order(corpus: Corpus) -> Iterator[Rows]:
    """The numbers of all rows in the order of their texts (by code points), in pieces; equal texts
    in the order of their numbers."""
    tables = corpus.tables
    tables.create("ordered", "place bigint, number bigint")
    # A place is where the first of the rows stands that could not be told apart so far.
    tables.run("create or replace table tied as select 0::bigint as place, number from compared")
    first = 0
    while left := tables.number("select count(*) from tied"):
        width = max(_LEAST, _TOGETHER // left)
        _read(corpus, first, first + width)
        tables.create("ranked", "place bigint, number bigint, ended boolean")
        _rank(corpus, width)
        tables.run(
            """create or replace table tied as select place, number from ranked semi join
            (select place from ranked group by place having count(*) > 1 and not bool_or(ended))
            using (place)"""
        )
        tables.run(
            "insert into ordered select place, number from ranked anti join tied using (number)"
        )
        first += width
    for batch in tables.stream("select number from ordered order by place, number"):
        yield batch.column("number").to_numpy()
    tables.drop("ordered", "tied", "ranked", "pieces")


def _read(corpus: Corpus, first: int, last: int) -> None:
    """The table ``pieces``: characters first..last-1 of the tied texts."""
    tables = corpus.tables
    tables.create("pieces", "place bigint, piece varchar, number bigint")
    for batch in tables.stream("select place, number from tied order by number", rows=_READ):
        texts = corpus.texts(batch.column("number").to_numpy())
        pieces = pa.array([text[first:last] for text in texts], pa.string())
        tables.append("pieces", batch.append_column("piece", pieces))


def _rank(corpus: Corpus, width: int) -> None:
    """The table ``ranked``: places after the pieces were compared, and which texts ended there."""
    tables = corpus.tables
    group, before, place, position = -1, "", 0, 0
    for batch in tables.stream("from pieces order by place, piece, number"):
        places, pieces = batch.column("place").to_pylist(), batch.column("piece").to_pylist()
        ranked = []
        for of, piece in zip(places, pieces, strict=True):
            if of != group:  # those that could not be told apart stand side by side, from there on
                group, before, place, position = of, piece, of, of
            elif piece != before:
                before, place = piece, position
            ranked.append(place)
            position += 1
        tables.append("ranked", {
            "place": ranked, "number": batch.column("number"),
            "ended": [len(piece) < width for piece in pieces],
        })  # fmt: skip
