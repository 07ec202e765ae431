"""Requests: what a prompt of the made-up world asks for, its wordings, and the way back.

``render`` turns a request into a prompt's text and ``parse`` finds the request in a prompt's
messages again. The gold scorer knows nothing else about a prompt, so a prompt that came through
deduplication, redaction and blinding can still be judged.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.core.records import Message
from components.sandbox.vocabulary import (
    ADJECTIVES,
    FEELINGS,
    HARMS,
    LISTS,
    NAMES,
    NUMBERS,
    OBJECTS,
    PLACES,
)
from components.sandbox.wordings import CONSTRAINTS, SKILLS, Constraint


@dataclass(frozen=True)
class Request:
    """A skill with its slots filled, and at most one explicit constraint on the answer."""

    skill: str
    slots: Mapping[str, str]
    constraint: Constraint = ""


def render(
    request: Request, rng: random.Random, opener: str = "", constraint_first: float = 0.2
) -> str:
    """A prompt's text: a wording of the request, its constraint before or after, an opener."""
    body = rng.choice(SKILLS[request.skill].wordings).format(**request.slots)
    if request.constraint:
        demand = rng.choice(CONSTRAINTS[request.constraint])
        first = rng.random() < constraint_first or request.skill.startswith("shots_")
        body = f"{demand} {body}" if first else f"{body} {demand}"
    return f"{opener} {body}" if opener else body


def parse(messages: Sequence[Message]) -> Request | None:
    """The request in a prompt's messages; None where no wording of the world fits.

    Whatever stands before the wording (openers, a customer's framing, redacted sentences) is
    passed over. Case and white space do not matter.
    """
    users = [_normal(message.content) for message in messages if message.role == "user"]
    if not users:
        return None
    text, constraint = _take_constraint(users[-1])
    text = text.rstrip(" .!?:")
    for skill, form in _FORMS:
        match = form.search(text)
        if match is None:
            continue
        slots = match.groupdict()
        if skill == "recall":
            said = re.search(rf"\bi am ({'|'.join(NAMES)})\b", " ".join(users[:-1]))
            if said is None:
                continue
            slots["name"] = said[1]
        if "passage" in slots:
            slots["passage"] = slots["passage"].rstrip(" .!?") + "."
        return Request(skill, slots, constraint)
    return None


def _normal(text: str) -> str:
    return " ".join(text.lower().split())


def _take_constraint(text: str) -> tuple[str, Constraint]:
    """The text without its constraint's sentence, and the constraint."""
    for constraint, demands in CONSTRAINTS.items():
        for demand in demands:
            if demand in text:
                return " ".join(text.replace(demand, " ").split()), constraint
    return text, ""


def _slot_patterns() -> dict[str, str]:
    def any_of(words: Sequence[str]) -> str:
        return "|".join(words)

    listed = sorted({word for members in LISTS.values() for word in members})
    words = {"name": any_of(NAMES), "object": any_of(OBJECTS), "place": any_of(PLACES)}
    harm = any_of(
        [re.sub(r"\{(\w+)\}", lambda slot: f"(?:{words[slot[1]]})", form) for form in HARMS]
    )
    return {
        "name": any_of(NAMES),
        "other": any_of(NAMES),
        "new": any_of(NAMES),
        "old": any_of(NAMES),
        "object": any_of(OBJECTS),
        "word": any_of(OBJECTS),
        "place": any_of(PLACES),
        "topic": any_of(OBJECTS + PLACES),
        "adjective": any_of(ADJECTIVES),
        "adjective2": any_of(ADJECTIVES),
        "a": any_of(NUMBERS),
        "b": any_of(NUMBERS),
        "count": any_of(NUMBERS),
        "plural": any_of(tuple(LISTS)),
        "exclude": any_of(listed),
        "feeling": any_of(FEELINGS),
        "polarity": "good|bad",
        "harm": harm,
        "passage": ".+",
        "shots": ".+",
    }


def _compile() -> list[tuple[str, re.Pattern[str]]]:
    patterns = _slot_patterns()
    forms = []
    for skill, definition in SKILLS.items():
        for wording in definition.wordings:
            text = re.escape(wording.rstrip(" .!?:"))
            text = re.sub(
                r"\\\{(\w+)\\\}", lambda slot: f"(?P<{slot[1]}>{patterns[slot[1]]})", text
            )
            forms.append((skill, re.compile(rf"(?:^|\s){text}$")))
    # Wordings that hold a passage first: a passage may end like another wording.
    return sorted(forms, key=lambda form: "passage" not in form[1].groupindex)


_FORMS = _compile()
