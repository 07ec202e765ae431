"""Prompts of the made-up world, as tests ask them: from a request, in one of its wordings."""

import random

from components.core.records import Message
from components.sandbox.drawing import draw_request
from components.sandbox.requests import Request, render
from components.sandbox.vocabulary import World
from components.sandbox.wordings import CONSTRAINTS, SKILLS, Constraint

#: Every skill with every demand that makes sense for it.
ASKED: list[tuple[str, Constraint]] = [
    (skill, constraint)
    for skill, definition in SKILLS.items()
    for constraint in ("", *CONSTRAINTS)
    if definition.short or constraint != "one_word"
]


def drawn(world: World, skill: str, constraint: Constraint, seed: int) -> Request:
    """A request of a skill with just this demand."""
    request = draw_request(world, skill, random.Random(seed), constraint_rate=0.0)
    return Request(request.skill, request.slots, constraint)


def ask(request: Request, seed: int = 0, opener: str = "") -> tuple[Message, ...]:
    """A conversation that ends with the request."""
    text = render(request, random.Random(seed), opener)
    if request.skill != "recall":
        return (Message("user", text),)
    hello = Message("user", f"hello, i am {request.slots['name']}.")
    return (hello, Message("assistant", "hello."), Message("user", text))
