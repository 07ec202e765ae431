"""What an entity is: data (expressions, what must stand in a text for them to apply) and a check.

Every expression takes linear time: it starts at a boundary (a look-behind), its repetitions are
bounded or possessive, and no two of them can share the same characters. Checks see only what an
expression has found, and look at a bounded stretch of text around it.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from components.prompts.config import Action, PiiConfig

#: Start and end of a value in its text.
Span = tuple[int, int]
#: Says which part of a match is a value, or None if none is.
Check = Callable[[re.Match[str]], Span | None]


def whole(match: re.Match[str]) -> Span | None:
    """The check of an expression that needs none: its group ``value``, or all of it."""
    return match.span("value") if "value" in match.re.groupindex else match.span()


@dataclass(frozen=True)
class Rule:
    """One expression and its check. ``name`` is what the audit shows."""

    name: str
    pattern: re.Pattern[str]
    #: What must be found in a text before the rule can hit, in the syntax that ``re`` and RE2
    #: share: no look-around, only small counted repetitions. Rules may share a gate. A rule sees
    #: some 200 characters around what its gate finds.
    gate: str
    check: Check = whole


@dataclass(frozen=True)
class Canary:
    """A made-up value and the words around it that let a rule recognise it."""

    text: str
    value: str


class Names(Protocol):
    """Finds what no rule can: names. An implementation loads its model when it is first used."""

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and entity of each name in a text."""
        ...


@dataclass(frozen=True)
class Entity:
    """A type of PII. Where two overlap, the first one in the registry names the value."""

    name: str
    rules: tuple[Rule, ...]
    #: What happens to its values unless the config says otherwise.
    action: Action
    #: Checksummed or prefixed: a run in which one planted value is missed fails.
    certain: bool
    #: Draws a canary; called several times a run, so that all the entity's forms come up.
    canary: Callable[[random.Random], Canary]
    #: Recognised by a model, not by rules: its values are redacted, and never a reason to drop.
    names: Names | None = None


#: Makes an entity for a config. Each file of entities lists its own in ``ENTITIES``, with a rank.
Maker = Callable[[PiiConfig], Entity]


@dataclass(frozen=True)
class Listed:
    """An entity's place in the registry. The lower rank names a value that two recognise."""

    rank: int
    make: Maker


#: At least seven digits with at most three separators between neighbours: a gate for numbers.
DIGITS = r"\d(?:[ ().\-/]{0,3}\d){6}"


#: What the numbers of things are called.
_OTHER = re.compile(
    r"(?:\border|invoice|tracking|serial|\bpart|\bitem|\bsku|isbn|issn|\bref(?:erence)?|ticket"
    r"|(?<![a-z])id|account|version|\bcase|\bflight|\bpatent|barcode|\bean|\bupc|\bpmid|\barxiv"
    r"|\bdoi|\bs/n|\bp/n|\bimei|\bgtin|\bcommande|bestell(?:ung|nummer|nr)|\bbestelling|\bpedido"
    r"|\bordine|transaction)(?:[ _-](?:id|number|no|nr|n[°º]|code))?\.?(?: is)?"
    r"[\"']?[ :#=]{0,3}[\"']?$"
)


def before(match: re.Match[str], characters: int) -> str:
    """The lower-cased text before a match."""
    start = match.start()
    return match.string[max(0, start - characters) : start].lower()


def after(match: re.Match[str], characters: int) -> str:
    """The lower-cased text behind a match."""
    return match.string[match.end() : match.end() + characters].lower()


def called_otherwise(match: re.Match[str]) -> bool:
    """Whether the word right before a number says that it is the number of a thing."""
    return _OTHER.search(before(match, 24)) is not None


def digits(rng: random.Random, count: int) -> str:
    """A string of random digits."""
    return "".join(rng.choice("0123456789") for _ in range(count))


def letters(rng: random.Random, count: int, alphabet: str) -> str:
    """A string of random characters of an alphabet."""
    return "".join(rng.choice(alphabet) for _ in range(count))


def drawn_until(draw: Callable[[], str], valid: Callable[[str], bool]) -> str:
    """The first drawn value that is valid; a checksum of two digits needs about a hundred."""
    while not valid(value := draw()):
        pass
    return value
