"""Users to splits and to pseudonyms.

A split is a function of the user and of ``split_key`` alone, so no user stands in two splits and
none moves from one round to the next, however the rounds' sizes differ. Labelers can be put into
groups (a vendor, a shift, a family of accounts), which then go to one split together.

Pseudonyms: with a secret key (environment variable ``INSTRUCTFLOW_PSEUDONYM_KEY``, from a Secret)
a user's pseudonym is an HMAC, the same in every round, so rounds can be linked by whoever holds
both. Without one, users are numbered in the order in which they first appear: nothing in the number
comes from the id, so there is nothing to invert or to guess, a rerun gives the same numbers, and
rounds cannot be linked.
"""

import hmac
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from components.core.errors import UserError
from components.core.records import Source, Split

#: Holds the secret of the pseudonyms; optional.
PSEUDONYM_KEY = "INSTRUCTFLOW_PSEUDONYM_KEY"
#: Characters that it has at least: what is published under a weak one lets anyone guess at it, and
#: whoever guessed it can tell who is who.
LEAST_KEY = 32


def unit_hash(key: str, *parts: str) -> float:
    """A keyed hash as a number in [0, 1): 53 bits, as many as a float holds."""
    # Lengths go in, so that ("ab", "c") and ("a", "bc") differ.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hmac.digest(key.encode(), text.encode("utf-8", "surrogatepass"), "sha256")
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def split_unit(user_id: str, source: Source, groups: Mapping[str, Sequence[str]]) -> str:
    """What goes to a split as one: a labeler's group (the first that matches), or the user."""
    if source == "labeler":
        for group, patterns in groups.items():
            if any(fnmatchcase(user_id, pattern) for pattern in patterns):
                # No user id is taken for a group's name.
                return f"\0{group}"
    return user_id


def split_of(unit: str, key: str, validation_share: float, test_share: float) -> Split:
    """The split of a user, or of another ``split_unit``."""
    point = unit_hash(key, "split", unit)
    if point < test_share:
        return "test"
    return "validation" if point < test_share + validation_share else "train"


def pseudonym_secret() -> str:
    """The secret of the pseudonyms, "" where none is set. Raises UserError for one too short."""
    secret = os.environ.get(PSEUDONYM_KEY, "")
    if 0 < len(secret) < LEAST_KEY:
        raise UserError(
            f"{PSEUDONYM_KEY} has {len(secret)} characters; expected at least {LEAST_KEY} that "
            "nobody can guess, or none. To make one: "
            'python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return secret


def pseudonym(user_id: str, number: int, secret: str) -> str:
    """The name under which a user is published.

    Args:
        user_id: as it came in.
        number: of the user among those of the round, from 1, by first appearance.
        secret: of the pseudonyms, or "".
    """
    if not secret:
        return f"user-{number:06d}"
    data = user_id.encode("utf-8", "surrogatepass")
    return "user-" + hmac.digest(secret.encode(), data, "sha256").hex()[:16]
