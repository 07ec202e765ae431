"""Texts made to keep an expression busy, from its own parse tree.

For each repetition in the tree: what leads to it, what it repeats many times over, and an end that
cannot match. That is how catastrophic backtracking is provoked. Besides, a match without its last
character, and a whole match, many times over.
"""

import re
from collections.abc import Iterator
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
_CANDIDATES = "1a A@._-:/+=#\n0(['\"\u00e9,;"
#: No expression goes on with this.
END = "\x00"


def units(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """Pairs of a beginning and of what to repeat behind it."""
    tree = _parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    found = list(dict.fromkeys(_pumps(tree, "")))
    match = _sample(tree)
    return [("", match), ("", match[:-1]), ("", match + " "), *found]


def _pumps(tree: Any, before: str) -> Iterator[tuple[str, str]]:
    for operation, argument in tree:
        if operation in _REPEATS:
            _, high, inner = argument
            sample = _sample(inner)
            if high > 1 and sample:
                yield before, sample
                yield "", before + sample
            yield from _pumps(inner, before)
        elif operation is op.SUBPATTERN:
            yield from _pumps(argument[-1], before)
        elif operation is op.BRANCH:
            for branch in argument[1]:
                yield from _pumps(branch, before)
        elif operation is op.ATOMIC_GROUP:
            yield from _pumps(argument, before)
        before += _sample([(operation, argument)])


def _sample(tree: Any) -> str:
    """A short text that a tree is likely to match; look-arounds are not heeded."""
    text = ""
    for operation, argument in tree:
        if operation is op.LITERAL:
            text += chr(argument)
        elif operation is op.IN:
            text += next((c for c in _CANDIDATES if _in(argument, c)), chr(_first(argument)))
        elif operation in (op.ANY, op.NOT_LITERAL):
            text += "x"
        elif operation in _REPEATS:
            low, _, inner = argument
            text += _sample(inner) * max(low, 1)
        elif operation is op.SUBPATTERN:
            text += _sample(argument[-1])
        elif operation is op.ATOMIC_GROUP:
            text += _sample(argument)
        elif operation is op.BRANCH:
            text += _sample(argument[1][0])
        elif operation is op.GROUPREF:
            text += "-"
    return text


def _in(items: Any, character: str) -> bool:
    return re.compile(f"[{_class(items)}]").match(character) is not None


def _class(items: Any) -> str:
    parts = ""
    for operation, argument in items:
        if operation is op.NEGATE:
            parts += "^"
        elif operation is op.LITERAL:
            parts += re.escape(chr(argument))
        elif operation is op.RANGE:
            parts += f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
        elif operation is op.CATEGORY:
            parts += {
                op.CATEGORY_DIGIT: r"\d",
                op.CATEGORY_NOT_DIGIT: r"\D",
                op.CATEGORY_SPACE: r"\s",
                op.CATEGORY_NOT_SPACE: r"\S",
                op.CATEGORY_WORD: r"\w",
                op.CATEGORY_NOT_WORD: r"\W",
            }[argument]
    return parts


def _first(items: Any) -> int:
    for operation, argument in items:
        if operation is op.LITERAL:
            return int(argument)
        if operation is op.RANGE:
            return int(argument[0])
    return ord("x")
