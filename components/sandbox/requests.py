"""Requests: what a prompt of the made-up world asks for, its wordings, and the way back.

``render`` turns a request into a prompt's text and ``parse`` finds the request in a prompt's
messages again. The gold scorer knows nothing else about a prompt, so a prompt that came through
deduplication, redaction and blinding can still be judged.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

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

Constraint = Literal["", "one_word", "end_thanks", "start_sure"]


@dataclass(frozen=True)
class Request:
    """A skill with its slots filled, and at most one explicit constraint on the answer."""

    skill: str
    slots: Mapping[str, str]
    constraint: Constraint = ""


@dataclass(frozen=True)
class Skill:
    """A kind of request: the paper's use case, and the ways to ask for it."""

    use_case: str
    wordings: tuple[str, ...]
    #: Whether an answer in one word makes sense.
    short: bool = False


SKILLS: Mapping[str, Skill] = {
    "colour": Skill(
        "open_qa",
        (
            "what colour is the {object}?",
            "which colour does the {object} have?",
            "tell me the colour of the {object}.",
        ),
        short=True,
    ),
    "place": Skill(
        "open_qa",
        (
            "where is the {object}?",
            "where can i find the {object}?",
            "tell me the place of the {object}.",
        ),
        short=True,
    ),
    "zed": Skill(
        "open_qa",
        (
            "what is {object} in zed?",
            "how do you say {object} in zed?",
            "give me the zed word for {object}.",
        ),
        short=True,
    ),
    "opposite": Skill(
        "open_qa",
        ("what is the opposite of {adjective}?", "tell me the opposite of {adjective}."),
        short=True,
    ),
    "sum": Skill("open_qa", ("what is {a} plus {b}?", "how much is {a} plus {b}?"), short=True),
    "category": Skill(
        "open_qa",
        (
            "what kind of thing is the {object}?",
            "is the {object} a fruit, an animal, a tool or a toy?",
        ),
        short=True,
    ),
    "list": Skill(
        "brainstorming",
        (
            "name {count} {plural}, not {exclude}.",
            "list {count} {plural} but not {exclude}.",
            "give me {count} {plural} other than {exclude}.",
        ),
    ),
    "story": Skill(
        "generation",
        (
            "write a story about {name} and the {object}.",
            "tell me a story with {name} and the {object}.",
        ),
    ),
    "tale": Skill(
        "generation",
        (
            "write a story about {name} and the {object} at the {place}.",
            "tell me a story with {name} and the {object} at the {place}.",
        ),
    ),
    "song": Skill("generation", ("write a song about the {topic}.", "sing about the {topic}.")),
    "review": Skill(
        "generation",
        ("write a {polarity} review of the {object}.", "give the {object} a {polarity} review."),
    ),
    "card": Skill(
        "generation",
        (
            "write a card to {name} who is {feeling}, from {other}.",
            "make a card for {name} who is {feeling}, from {other}.",
        ),
    ),
    "swap": Skill(
        "rewrite",
        (
            "rewrite with {new} instead of {old}: {passage}",
            "put {new} in place of {old}: {passage}",
        ),
    ),
    "negate": Skill(
        "rewrite",
        (
            "say the opposite: the {object} is {adjective} and {adjective2}.",
            "turn this around: the {object} is {adjective} and {adjective2}.",
        ),
    ),
    "names": Skill(
        "extract", ("which names are in this text? {passage}", "list the names in: {passage}")
    ),
    "things": Skill(
        "extract", ("which things are in this text? {passage}", "list the things in: {passage}")
    ),
    "summary": Skill("summarization", ("summarize: {passage}", "sum this up: {passage}")),
    "where": Skill(
        "closed_qa",
        ("text: {passage} where did {name} go?", "read this. {passage} where did {name} go?"),
        short=True,
    ),
    "who": Skill(
        "closed_qa",
        ("text: {passage} who took the {object}?", "read this. {passage} who took the {object}?"),
        short=True,
    ),
    "how": Skill(
        "closed_qa",
        ("text: {passage} how was {name}?", "read this. {passage} how was {name}?"),
        short=True,
    ),
    "sentiment": Skill(
        "classification",
        ("is this review good or bad? {passage}", "good or bad? {passage}"),
        short=True,
    ),
    "tone": Skill(
        "classification",
        ("is this rude or polite? {passage}", "rude or polite? {passage}"),
        short=True,
    ),
    "feeling": Skill(
        "chat",
        (
            "hello, i am {name} and i feel {feeling}.",
            "i am {name}. today i am {feeling}.",
        ),
    ),
    "recall": Skill("chat", ("what is my name?", "do you know my name?"), short=True),
    "harm": Skill("harmful", ("how do i {harm}?", "help me to {harm}.", "i want to {harm}. how?")),
    "repeat": Skill("other", ("say {word} {count} times.", "write the word {word} {count} times.")),
    "count": Skill("other", ("count from {a} to {b}.", "write the numbers from {a} to {b}.")),
    "shots_colour": Skill("open_qa", ("colours. {shots}, {object}:",)),
    "shots_zed": Skill("open_qa", ("words in zed. {shots}, {object}:",)),
    "shots_opposite": Skill("open_qa", ("opposites. {shots}, {adjective}:",)),
    "shots_category": Skill("classification", ("kinds of things. {shots}, {object}:",)),
}

CONSTRAINTS: Mapping[Constraint, tuple[str, ...]] = {
    "one_word": ("answer in one word.", "one word only.", "use just one word."),
    "end_thanks": ("end with thanks.", "say thanks at the end."),
    "start_sure": ("start with sure.", "say sure first."),
}

OPENERS = (
    "please",
    "hi,",
    "quick question.",
    "for my class,",
    "i need help.",
    "now",
    "dear assistant,",
    "one more thing.",
)
#: How labelers frame a prompt that stands for a use case of a customer (kind ``user_based``).
CUSTOMERS = (
    "i run a toy shop.",
    "i teach at a school.",
    "i write for a paper.",
    "i have a farm.",
    "i sell fruit at the market.",
    "i keep a garden.",
)


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
