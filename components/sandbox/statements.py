"""False statements: sentences of an answer that contradict the world or the prompt's passage."""

import re
from collections.abc import Mapping

from components.sandbox.requests import Request
from components.sandbox.stories import parse_event, parse_passage, sentences
from components.sandbox.vocabulary import (
    CATEGORIES,
    CATEGORY_OF,
    COLOURS,
    NUMBERS,
    OBJECTS,
    OPPOSITE,
    PLACES,
    World,
)

_OBJECT = "(" + "|".join(OBJECTS) + ")"
_WORD = r"(\w+)"
_COLOUR = re.compile(rf"\bthe {_OBJECT} is ({'|'.join(COLOURS)})$")
_PLACE = re.compile(rf"\bthe {_OBJECT} is at the ({'|'.join(PLACES)})$")
_KIND = re.compile(rf"\bthe {_OBJECT} is an? ({'|'.join(CATEGORIES)})$")
_ZED = re.compile(rf"\b{_OBJECT} in zed is {_WORD}$")
_OPPOSITE = re.compile(rf"\bthe opposite of ({'|'.join(OPPOSITE)}) is {_WORD}$")
_SUM = re.compile(rf"\b({'|'.join(NUMBERS)}) plus ({'|'.join(NUMBERS)}) is {_WORD}$")
#: Skills whose answers tell of the passage.
_OF_PASSAGE = ("where", "who", "how", "summary")


def statement_holds(sentence: str, world: World) -> bool | None:
    """Whether a sentence about the world is true; None where it says nothing to check."""
    facts: tuple[tuple[re.Pattern[str], Mapping[str, str]], ...] = (
        (_COLOUR, world.colour),
        (_PLACE, world.place),
        (_KIND, CATEGORY_OF),
        (_ZED, world.zed),
        (_OPPOSITE, OPPOSITE),
    )
    for form, truth in facts:
        if match := form.search(sentence):
            return truth[match[1]] == match[2]
    if match := _SUM.search(sentence):
        total = NUMBERS.index(match[1]) + NUMBERS.index(match[2]) + 2
        return total <= len(NUMBERS) and NUMBERS[total - 1] == match[3]
    return None


def false_statements(request: Request, answer: str, world: World) -> int:
    """How many sentences of the answer are false. Stories may invent; answers may not."""
    told = parse_passage(request.slots["passage"]) if request.skill in _OF_PASSAGE else None
    count = 0
    for sentence in sentences(answer):
        holds = statement_holds(sentence, world)
        if holds is None and told is not None and (event := parse_event(sentence)) is not None:
            holds = event in told
        # Rewriting and reviewing say what the prompt says, not what the world is like.
        count += holds is False and request.skill not in ("swap", "negate", "review")
    return count
