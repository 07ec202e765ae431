"""At most so many prompts a user.

Which ones stay is a draw by keyed hash of the prompt id: the same in every run, whatever the order
of the rows, and no more of a user's first day than of the last.
"""

import hmac

from components.prompts.dedup.exact import SURVIVOR


def draw(key: str, prompt_id: str) -> int:
    """Where a prompt stands in the draw among its user's prompts: 64 bits of a keyed hash."""
    data = f"cap:{prompt_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hmac.digest(key.encode(), data, "sha256")[:8], "big")


def beyond(query: str) -> dict[str, str]:
    """Queries for rows that may be over their user's cap: steps, each a table, the last of ``row``.

    Of each digest one row stays; a user's that come behind the first ``$cap`` of these in the draw
    may be over it, with the user's other rows of their digests. Other users' rows of them stay in
    their stead, if there are any, and may be too many in their turn: until nothing new is found.
    Then, whatever duplicates leave of the others, none of them is over: they still come before
    these in the draw.

    Args:
        query: gives ``row``, ``source``, ``user_key``, ``draw``, ``digest``, ``length``, ``time``
            and ``over`` of rows. Its values are those of ``over_cap``.
    """
    return {
        "first": f"select arg_min(row, {SURVIVOR}) as row from ({query}) group by digest",
        "stay": f"""select user_key, digest, draw, row from ({query}) semi join first using (row)
            where source = $source""",
        "behind": """select user_key, digest from
            (select *, row_number() over (partition by user_key order by draw, row) as place
            from stay) where place > $cap""",
        "beyond": f"""select row from ({query}) semi join behind using (user_key, digest)
            where source = $source and not over""",
    }


def over_cap(query: str) -> str:
    """A query for the rows that are over their user's cap: those that come later in the draw.

    Args:
        query: gives ``row``, ``source``, ``user_key`` and ``draw`` of rows.

    Its values are a ``source`` and the ``cap`` of its users. A user who is a labeler, too, has a
    cap for each.
    """
    return f"""select row, 'user_cap' as reason,
        'user_cap: at most ' || $cap || ' prompts a user' as rule from
        (select row, row_number() over (partition by user_key order by draw, row) as place
        from ({query}) where source = $source) where place > $cap"""
