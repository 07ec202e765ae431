"""E-mail addresses."""

import random
import re

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import Canary, Entity, Listed, Rule, Span

_LOCAL = r"(?<![\w.+%'-])(?P<local>[\w.+%'-]++)"
_DOMAIN = r"@(?:(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}|\[[0-9A-Fa-f:.]{7,45}\])"
_EMAIL = re.compile(_LOCAL + _DOMAIN)
_QUOTED = re.compile(r'"[^"@\n]{1,64}"' + _DOMAIN)
_SPELLED_OUT = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64} ?[\[({] ?at ?[\])}] ?[\w-]{1,63}"
    r"(?: ?(?:\.|[\[({] ?dot ?[\])}]) ?[\w-]{1,63}){1,4}",
    re.IGNORECASE,
)
#: Accounts that everyone shares, not a person's.
_SHARED = frozenset({"git"})


def email(config: PiiConfig) -> Entity:
    """E-mail addresses, also with (at) and [dot] spelled out."""

    def check(match: re.Match[str]) -> Span | None:
        if match["local"].lower() in _SHARED:
            return None
        start = match.start() + len(match["local"]) - len(match["local"].lstrip(".'-%+"))
        return (start, match.end()) if match["local"].strip(".'-%+") else None

    def canary(rng: random.Random) -> Canary:
        name = rng.choice(("jo.miller", "anna_k", "r+news", "li-wei"))
        host = rng.choice(("example.com", "mail.example.org", "post.example.co.uk"))
        value = f"{name}{rng.randrange(1000)}@{host}"
        return Canary(f"{value}.", value)

    rules = (
        Rule("email.address", _EMAIL, check=check, gate=r"\S@\S+\.\S"),
        Rule("email.quoted", _QUOTED, gate=r'"@\S+\.\S'),
        Rule(
            "email.spelled_out",
            _SPELLED_OUT,
            gate=r"(?i:[\[({] ?at ?[\])}])",
        ),
    )
    return Entity("EMAIL", rules, "redact", True, canary)


ENTITIES = (Listed(30, email),)
