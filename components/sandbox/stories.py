"""Passages: short sequences of events (who went where, took, saw and gave what, felt how)."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.sandbox.vocabulary import FEELINGS, NAMES, OBJECTS, PLACES

Verb = Literal["went", "took", "saw", "gave", "was"]


@dataclass(frozen=True)
class Event:
    """One sentence. ``what`` is a place, an object or a feeling; ``whom`` only with ``gave``."""

    who: str
    verb: Verb
    what: str
    whom: str = ""

    def sentence(self) -> str:
        """The event in words, with its full stop."""
        match self.verb:
            case "went":
                return f"{self.who} went to the {self.what}."
            case "gave":
                return f"{self.who} gave {self.whom} the {self.what}."
            case "was":
                return f"{self.who} was {self.what}."
            case _:
                return f"{self.who} {self.verb} the {self.what}."


def _any(words: Sequence[str]) -> str:
    return "(" + "|".join(words) + ")"


_NAME, _OBJECT = _any(NAMES), _any(OBJECTS)
_FORMS: tuple[tuple[Verb, re.Pattern[str]], ...] = (
    ("went", re.compile(rf"^{_NAME} went to the {_any(PLACES)}$")),
    ("took", re.compile(rf"^{_NAME} took the {_OBJECT}$")),
    ("saw", re.compile(rf"^{_NAME} saw the {_OBJECT}$")),
    ("was", re.compile(rf"^{_NAME} was {_any(FEELINGS)}$")),
)
_GAVE = re.compile(rf"^{_NAME} gave {_NAME} the {_OBJECT}$")


def parse_event(sentence: str) -> Event | None:
    """The event that a sentence tells; None when it does not have an event's form."""
    text = sentence.strip().rstrip(".").strip()
    if match := _GAVE.match(text):
        return Event(match[1], "gave", match[3], match[2])
    for verb, form in _FORMS:
        if match := form.match(text):
            return Event(match[1], verb, match[2])
    return None


def sentences(text: str) -> list[str]:
    """The sentences of a text, without their full stops; empty ones are left out."""
    return [part.strip() for part in re.split(r"[.!?\n]", text) if part.strip()]


def parse_passage(text: str) -> list[Event]:
    """The events of a text, in order; sentences that are none are left out."""
    return [event for part in sentences(text) if (event := parse_event(part)) is not None]


def tell(events: Sequence[Event]) -> str:
    """The events as one line of text."""
    return " ".join(event.sentence() for event in events)


def draw_passage(rng: random.Random, length: int, people: int = 2) -> list[Event]:
    """A passage in which no question about it has two answers.

    Each person goes to one place, takes or sees one thing and feels one way at most; no object
    comes twice.
    """
    names = rng.sample(NAMES, people)
    objects = iter(rng.sample(OBJECTS, length + 1))
    places = iter(rng.sample(PLACES, people))
    left = [(name, verb) for name in names for verb in ("went", "took", "saw", "was")]
    left += [(names[0], "gave")] if people > 1 else []
    chosen = rng.sample(left, min(length, len(left)))
    chosen.sort(key=lambda item: (item[1] != "went", item[1] == "was"))
    events = []
    for name, verb in chosen:
        match verb:
            case "went":
                events.append(Event(name, "went", next(places)))
            case "was":
                events.append(Event(name, "was", rng.choice(FEELINGS)))
            case "gave":
                events.append(Event(name, "gave", next(objects), names[1]))
            case "took":
                events.append(Event(name, "took", next(objects)))
            case _:
                events.append(Event(name, "saw", next(objects)))
    return events
