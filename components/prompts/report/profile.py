"""What a round was like, as counts: what the next round is compared with (``drift.py``).

It lies in the audit and holds no text and no id. Users are known by a sketch: the least of their
keyed hashes, which is a sample of them that any two rounds under one key draw in the same way. Of
two such samples the share of users that only one round has can be told (Bar-Yossef et al. 2002,
Counting distinct elements in a data stream; Beyer et al. 2007, on synopses for distinct values).
"""

import bisect
import hashlib
import heapq
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import Field

from components.core.config import Config

#: Users in a sketch: the standard error of a share of new users is at most 0.016.
SKETCH = 1024
#: Lengths are told apart by doubling, from 8 to 1024 tokens; prompts per user from 2 to 128.
LENGTH_EDGES = tuple(2**power for power in range(3, 11))
USER_EDGES = tuple(2**power for power in range(1, 8))


class UserSketch(Config):
    """The least keyed hashes of a round's users."""

    key: str = Field(description="Tells which key made the hashes, and nothing else of it.")
    users: int = Field(ge=0, description="How many users the round had.")
    least: tuple[str, ...] = Field(description="The least hashes, ascending; 16 hex digits each.")


class Profile(Config):
    """Counts of one round, by bin."""

    lengths: dict[str, int] = Field(description="Kept prompts by tokens.")
    languages: dict[str, int] = Field(description="Kept prompts by language.")
    use_cases: dict[str, int] = Field(description="Kept prompts by use case.")
    duplicates: dict[str, int] = Field(description="Raw rows: duplicate or not.")
    prompts_per_user: dict[str, int] = Field(description="Users by how many rows are theirs.")
    users: UserSketch | None = Field(description="Null where no key was set.")
    novelty: dict[str, int] | None = Field(
        description="Users whom the round before had not, and had; null where it cannot be told."
    )


def profile(
    audit: Mapping[str, Any],
    rows_per_user: Mapping[int, int],
    users: UserSketch | None,
    last: Profile | None,
) -> Profile:
    """The profile of a round.

    Args:
        audit: its audit, for what that counts already.
        rows_per_user: users by their number of rows, before duplicates and caps take any.
        users: their sketch.
        last: the profile of the round before, if there was one.
    """
    duplicates = audit["rejected"].get("duplicate", 0)
    return Profile(
        lengths=audit["tokens"]["bins"],
        languages=audit["languages"],
        use_cases={name: case["count"] for name, case in audit["use_cases"].items()},
        duplicates={"duplicate": duplicates, "other": audit["raw"] - duplicates},
        prompts_per_user=binned(rows_per_user, USER_EDGES),
        users=users,
        novelty=novelty(last.users if last else None, users),
    )


def binned(counts: Mapping[int, int], edges: Sequence[int]) -> dict[str, int]:
    """Counts by bin: below the first edge, from edge to edge, from the last on."""
    names = [f"<{edges[0]}"]
    names += [f"{a}-{b - 1}" for a, b in pairwise(edges)]
    names.append(f"{edges[-1]}+")
    found = dict.fromkeys(names, 0)
    for value, count in counts.items():
        found[names[bisect.bisect_right(edges, value)]] += count
    return found


def sketch(users: Iterable[str], secret: str) -> UserSketch | None:
    """The sketch of distinct users under the pseudonyms' key; None without one.

    Without a key anybody could hash a guess and look whether it is there. Memory: ``SKETCH`` users.
    """
    if not secret:
        return None
    key = hmac.digest(secret.encode(), b"instructflow user sketch", "sha256")
    number = 0

    def hashes() -> Iterator[str]:
        nonlocal number
        for user in users:
            number += 1
            yield hmac.digest(key, user.encode("utf-8", "surrogatepass"), "sha256")[:8].hex()

    least = tuple(heapq.nsmallest(SKETCH, hashes()))
    return UserSketch(key=hashlib.sha256(key).hexdigest()[:8], users=number, least=least)


def novelty(before: UserSketch | None, now: UserSketch | None) -> dict[str, int] | None:
    """How many of a sample of this round's users the last did not have, and had.

    All users up to ``SKETCH`` of them. Beyond, the hashes that are below the largest of each full
    sketch are a sample of either round's users. None where it cannot be told.
    """
    if before is None or now is None or before.key != now.key:
        return None
    bounds = [s.least[-1] for s in (before, now) if s.users > len(s.least)]
    seen = [user for user in now.least if all(user <= bound for bound in bounds)]
    known = len(set(seen) & set(before.least))
    return {"new": len(seen) - known, "known": known} if seen else None
