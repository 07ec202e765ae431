"""At most so many prompts a user.

Which ones stay is a draw by keyed hash of the prompt id: the same in every run, whatever the order
of the rows, and no more of a user's first day than of the last.
"""

import hmac

import numpy as np
from numpy.typing import NDArray

#: In place of a cap: there is none.
NO_CAP = -1


def draw(key: str, prompt_id: str) -> int:
    """Where a prompt stands in the draw among its user's prompts: 64 bits of a keyed hash."""
    data = f"cap:{prompt_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hmac.digest(key.encode(), data, "sha256")[:8], "big")


def over_cap(
    users: NDArray[np.int64], draws: NDArray[np.uint64], caps: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of n prompts are over their user's cap: those that come later in the draw.

    Args:
        users: (n,) a number for each user of a source.
        draws: (n,) ``draw`` of each prompt.
        caps: (n,) the cap of each prompt's source, or ``NO_CAP``.
    """
    order = np.lexsort((draws, users))
    ordered = users[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    # A prompt's place among its user's: how far behind the user's first.
    places = np.arange(len(order))
    behind = places - np.maximum.accumulate(np.where(first, places, 0))
    over = np.zeros(len(order), dtype=bool)
    over[order] = (caps[order] != NO_CAP) & (behind >= caps[order])
    return over
