"""Exact duplicates: rows of one digest; and which row of a group stands for the others."""

#: Of a group the longest row stays, then the earliest, then the first: SQL's order, and the least
#: of this is the same. But a row that may be ``over`` its user's cap (``cap.beyond``) never stays
#: in the stead of one that is not: with it, what others wrote as well would go. Rows have
#: ``length`` in characters, ``time`` in Unix seconds, ``row``.
SURVIVOR = "(over, -length, time, row)"


def equal(query: str) -> str:
    """A query for the rows that others stand for: ``row`` and the ``survivor`` of its digest.

    Args:
        query: gives ``row``, ``digest``, ``length``, ``time`` and ``over`` of rows.
    """
    return f"""select q.row, s.survivor from ({query}) as q join
        (select digest, arg_min(row, {SURVIVOR}) as survivor from ({query})
        group by digest having count(*) > 1) as s using (digest)
        where q.row <> s.survivor"""
