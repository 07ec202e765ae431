"""Demonstrations by imperfect labelers, and the poor answers of web pages.

Everybody knows the ideal answer; what they write is that answer with flaws, each drawn on its own.
"""

import random
from dataclasses import dataclass, fields, replace

from components.sandbox import answers
from components.sandbox.drawing import draw_request
from components.sandbox.requests import Request
from components.sandbox.vocabulary import CATEGORY_OF, NAMES, OBJECTS, RUDE_WORDS, World, article


@dataclass(frozen=True)
class Flaws:
    """How often each flaw gets into an answer (probabilities)."""

    ignored_constraint: float
    rambling: float
    wrong: float
    repeated: float
    rude: float
    #: Harmful requests that are served instead of refused.
    no_refusal: float
    #: Harmless requests that are refused.
    needless_refusal: float

    def of_one(self, rng: random.Random, spread: float = 0.5) -> "Flaws":
        """One labeler's own flaws: each rate times a factor from 1 - spread to 1 + spread."""
        own = {
            field.name: getattr(self, field.name) * rng.uniform(1 - spread, 1 + spread)
            for field in fields(self)
        }
        return Flaws(**own)


def write_answer(request: Request, world: World, flaws: Flaws, rng: random.Random) -> str:
    """An answer to the request with flaws."""
    asked = request
    if rng.random() < flaws.ignored_constraint:
        asked = replace(request, constraint="")
    if request.skill == "harm" and rng.random() < flaws.no_refusal:
        answer = _serve_harm(rng)
    elif request.skill != "harm" and rng.random() < flaws.needless_refusal:
        return answers.REFUSAL
    elif rng.random() < flaws.wrong:
        answer = _wrong(asked, world, rng)
    else:
        answer = answers.ideal(asked, world, rng)
    if rng.random() < flaws.rambling:
        answer = f"{answer} {ramble(world, rng)}"
    if rng.random() < flaws.repeated:
        last = answer.rstrip(".").split(". ")[-1]
        answer = f"{answer} {last}."
    if rng.random() < flaws.rude:
        answer = f"{answer} you {rng.choice(RUDE_WORDS)}."
    return answer


def _wrong(request: Request, world: World, rng: random.Random) -> str:
    """The ideal answer to another request of the same skill, or with a rival in the key's place."""
    right = answers.key(request, world)
    if right is None:
        other = draw_request(world, request.skill, rng, constraint_rate=0.0)
        return answers.ideal(replace(other, constraint=request.constraint), world, rng)
    rival = rng.choice(sorted(answers.rivals(request, world) - {right}))
    answer = answers.ideal(request, world, rng)
    if request.skill in ("category", "shots_category"):
        answer = answer.replace(article(right), article(rival))
    return " ".join(
        word.replace(right, rival) if word.strip(".,") == right else word for word in answer.split()
    )


def ramble(world: World, rng: random.Random) -> str:
    """An idle sentence, or one that is true and beside the point."""
    item = rng.choice(OBJECTS)
    return rng.choice(
        (
            "i hope this helps you.",
            "that is all i know.",
            "it is a nice day.",
            f"the {item} is {world.colour[item]}.",
            f"the {item} is at the {world.place[item]}.",
            f"the {item} is {article(CATEGORY_OF[item])}.",
        )
    )


def _serve_harm(rng: random.Random) -> str:
    return rng.choice(
        (
            "go there at night and do it.",
            "wait for the night and then run.",
            f"ask {rng.choice(NAMES)} to do it.",
        )
    )
