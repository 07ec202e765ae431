"""What an entity is: data (expressions, what must stand in a text for them to apply) and a check.

Every expression takes linear time: it starts at a boundary (a look-behind), its repetitions are
bounded or possessive, and no two of them can share the same characters. Checks see only what an
expression has found.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from components.prompts.config import Action

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
    #: The prefilter: strings of which one must stand in the text (lower-case ones in any case) ...
    needles: tuple[str, ...] = ()
    #: ... or an expression that must be found in it. Fast if it starts with a digit or a literal.
    shape: re.Pattern[str] | None = None
    #: Whether matches start at a needle (a word that introduces a value), so that no other part of
    #: the text need be searched. Values then hold no white space.
    at_needle: bool = False
    check: Check = whole


@dataclass(frozen=True)
class Canary:
    """A made-up value and the words around it that let a rule recognise it."""

    text: str
    value: str


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


#: At least seven digits with at most three separators between neighbours: what numbers need.
DIGITS = re.compile(r"\d(?:[ ().\-/]{0,3}\d){6}")


def before(match: re.Match[str], characters: int) -> str:
    """The lower-cased text before a match."""
    start = match.start()
    return match.string[max(0, start - characters) : start].lower()


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
