"""At most so many prompts a user.

Which ones stay is a draw by keyed hash of the prompt id: the same in every run, whatever the order
of the rows, and no more of a user's first day than of the last.
"""

import hmac

from components.prompts.dedup.exact import BEST


def draw(key: str, prompt_id: str) -> int:
    """Where a prompt stands in the draw among its user's prompts: 64 bits of a keyed hash."""
    data = f"cap:{prompt_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hmac.digest(key.encode(), data, "sha256")[:8], "big")


def beyond(query: str) -> dict[str, str]:
    """Queries for the rows that may be over their user's cap: steps, each a table.

    A user's rows of one digest are one prompt; those that come behind the first ``$cap`` in the
    draw may be over it. Whatever duplicates leave of the others, none of them is: they still come
    before these in the draw.

    Args:
        query: gives ``row``, ``source``, ``user_key``, ``draw``, ``digest``, ``length`` and
            ``time`` of rows. Its values are those of ``over_cap``.
    """
    return {
        "heavy": f"""select user_key from ({query}) where source = $source
            group by user_key having count(*) > $cap""",
        "of_heavy": f"""select row, user_key, draw, digest, length, time from ({query})
            semi join heavy using (user_key) where source = $source""",
        "each": f"""select user_key, digest, arg_min(row, ({BEST})) as row,
            arg_min(draw, ({BEST})) as draw from of_heavy group by user_key, digest""",
        "behind": """select user_key, digest from
            (select *, row_number() over (partition by user_key order by draw, row) as place
            from each) where place > $cap""",
        "beyond": "select row from of_heavy semi join behind using (user_key, digest)",
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
