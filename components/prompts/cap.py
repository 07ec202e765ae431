"""At most so many prompts a user.

Which ones stay is a draw by keyed hash of the prompt id: the same in every run, whatever the order
of the rows, and no more of a user's first day than of the last.
"""

import hmac


def draw(key: str, prompt_id: str) -> int:
    """Where a prompt stands in the draw among its user's prompts: 64 bits of a keyed hash."""
    data = f"cap:{prompt_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hmac.digest(key.encode(), data, "sha256")[:8], "big")


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
