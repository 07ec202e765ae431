"""Exact duplicates: rows of one digest; and which row of a group stands for the others."""

#: Of a group the longest row stays, then the earliest, then the first: SQL's order, and the least
#: of this is the same. Rows have ``length`` in characters, ``time`` in Unix seconds, ``row``.
SURVIVOR = "(-length, time, row)"


def equal(query: str) -> str:
    """A query for the rows that others stand for: ``row`` and the ``survivor`` of its digest.

    Args:
        query: gives ``row``, ``digest``, ``length`` and ``time`` of rows.
    """
    return f"""select q.row, s.survivor from ({query}) as q join
        (select digest, arg_min(row, {SURVIVOR}) as survivor from ({query})
        group by digest having count(*) > 1) as s using (digest)
        where q.row <> s.survivor"""
