"""Draws requests of the made-up world: a skill's slots, filled so that the answer is unique."""

import random

from components.sandbox.requests import Request
from components.sandbox.stories import Event, draw_passage, tell
from components.sandbox.vocabulary import (
    ADJECTIVES,
    BAD_WORDS,
    CATEGORY_OF,
    FEELINGS,
    GOOD_WORDS,
    HARMS,
    LISTS,
    NAMES,
    NUMBERS,
    OBJECTS,
    OPPOSITE,
    PLACES,
    RUDE_WORDS,
    World,
)
from components.sandbox.wordings import SKILLS, Constraint

#: Share of each skill among the prompts: the paper's use cases in about its proportions (table 1:
#: generation 46%, open QA 12%, brainstorming 11%, chat 8%), and harmful requests beside them.
SHARES = {
    "colour": 0.03,
    "place": 0.03,
    "zed": 0.02,
    "opposite": 0.02,
    "sum": 0.015,
    "category": 0.015,
    "list": 0.10,
    "story": 0.09,
    "tale": 0.12,
    "song": 0.04,
    "review": 0.07,
    "card": 0.10,
    "swap": 0.035,
    "negate": 0.03,
    "names": 0.01,
    "things": 0.01,
    "summary": 0.04,
    "where": 0.01,
    "who": 0.01,
    "how": 0.005,
    "sentiment": 0.025,
    "tone": 0.015,
    "feeling": 0.06,
    "recall": 0.02,
    "harm": 0.05,
    "repeat": 0.02,
    "count": 0.01,
}
#: The skills of prompts that carry their own query and response pairs (kind ``few_shot``).
SHOTS = ("shots_colour", "shots_zed", "shots_opposite", "shots_category")


def draw_request(
    world: World, skill: str, rng: random.Random, constraint_rate: float = 0.35
) -> Request:
    """A request of one skill; with ``constraint_rate`` it makes an explicit demand."""
    slots = _slots(world, skill, rng)
    constraint: Constraint = ""
    if rng.random() < constraint_rate:
        choices: list[Constraint] = ["end_thanks", "start_sure"]
        if SKILLS[skill].short:
            choices.append("one_word")
        constraint = rng.choice(choices)
    return Request(skill, slots, constraint)


def _slots(world: World, skill: str, rng: random.Random) -> dict[str, str]:
    match skill:
        case "colour" | "place" | "zed" | "category":
            return {"object": rng.choice(OBJECTS)}
        case "opposite":
            return {"adjective": rng.choice(ADJECTIVES)}
        case "sum":
            a = rng.randint(1, 9)
            return {"a": NUMBERS[a - 1], "b": NUMBERS[rng.randint(1, 10 - a) - 1]}
        case "list":
            plural = rng.choice(tuple(LISTS))
            return {
                "plural": plural,
                "count": NUMBERS[rng.randint(2, 4) - 1],
                "exclude": rng.choice(LISTS[plural]),
            }
        case "story":
            return {"name": rng.choice(NAMES), "object": rng.choice(OBJECTS)}
        case "tale":
            return {
                "name": rng.choice(NAMES),
                "object": rng.choice(OBJECTS),
                "place": rng.choice(PLACES),
            }
        case "song":
            return {"topic": rng.choice(OBJECTS + PLACES)}
        case "review":
            return {"polarity": rng.choice(("good", "bad")), "object": rng.choice(OBJECTS)}
        case "card":
            name, other = rng.sample(NAMES, 2)
            return {"name": name, "other": other, "feeling": rng.choice(FEELINGS)}
        case "negate":
            first = rng.choice(ADJECTIVES)
            second = rng.choice(
                [word for word in ADJECTIVES if word not in (first, OPPOSITE[first])]
            )
            return {"object": rng.choice(OBJECTS), "adjective": first, "adjective2": second}
        case "feeling":
            return {"name": rng.choice(NAMES), "feeling": rng.choice(FEELINGS)}
        case "recall":
            return {"name": rng.choice(NAMES)}
        case "harm":
            words = {
                "name": rng.choice(NAMES),
                "object": rng.choice(OBJECTS),
                "place": rng.choice(PLACES),
            }
            return {"harm": rng.choice(HARMS).format(**words)}
        case "repeat":
            return {"word": rng.choice(OBJECTS), "count": NUMBERS[rng.randint(2, 4) - 1]}
        case "count":
            start = rng.randint(1, 6)
            return {"a": NUMBERS[start - 1], "b": NUMBERS[start + rng.randint(2, 4) - 1]}
        case "sentiment":
            return {"passage": draw_review(rng.choice(OBJECTS), rng.random() < 0.5, rng)}
        case "tone":
            return {"passage": _utterance(rng)}
        case _ if skill.startswith("shots_"):
            return _shots(world, skill, rng)
        case _:
            return _passage_slots(skill, rng)


def draw_review(item: str, good: bool, rng: random.Random) -> str:
    """A two-sentence review of one polarity."""
    first, second = rng.sample(GOOD_WORDS if good else BAD_WORDS, 2)
    feeling = "like" if good else "hate"
    return rng.choice(
        (
            f"the {item} is {first}. i {feeling} the {item}.",
            f"the {item} is {first} and {second}.",
            f"i {feeling} the {item}. it is {first}.",
        )
    )


def _utterance(rng: random.Random) -> str:
    name, item = rng.choice(NAMES), rng.choice(OBJECTS)
    rude = rng.choice(RUDE_WORDS)
    forms = (
        f"{name}, you are {rude}.",
        f"give me the {item}, you {rude}.",
        f"thanks for the {item}, {name}.",
        f"{name}, give me the {item}, please.",
    )
    return rng.choice(forms)


def _passage_slots(skill: str, rng: random.Random) -> dict[str, str]:
    match skill:
        case "swap":
            events = draw_passage(rng, rng.randint(1, 2), people=1)
            old = events[0].who
            new = rng.choice([name for name in NAMES if name != old])
            return {"passage": tell(events), "old": old, "new": new}
        case "names":
            return {"passage": tell(draw_passage(rng, rng.randint(2, 3)))}
        case "things":
            events = draw_passage(rng, 3)
            while not any(event.verb in ("took", "saw", "gave") for event in events):
                events = draw_passage(rng, 3)
            return {"passage": tell(events)}
        case "summary":
            name, item = rng.choice(NAMES), rng.choice(OBJECTS)
            events = [
                Event(name, "went", rng.choice(PLACES)),
                Event(name, rng.choice(("took", "saw")), item),
                Event(name, "was", rng.choice(FEELINGS)),
            ]
            return {"passage": tell(events)}
        case "where" | "who" | "how":
            verb = {"where": "went", "who": "took", "how": "was"}[skill]
            events = draw_passage(rng, 3)
            while not (asked := [event for event in events if event.verb == verb]):
                events = draw_passage(rng, 3)
            event = rng.choice(asked)
            about = {"object": event.what} if skill == "who" else {"name": event.who}
            return {"passage": tell(events), **about}
        case _:
            raise ValueError(f"no such skill: {skill}")


def _shots(world: World, skill: str, rng: random.Random) -> dict[str, str]:
    if skill == "shots_opposite":
        words = rng.sample([word for word in ADJECTIVES if word < OPPOSITE[word]], 4)
        words = [word if rng.random() < 0.5 else OPPOSITE[word] for word in words]
        shown = [(word, OPPOSITE[word]) for word in words]
        asked = {"adjective": words[-1]}
    else:
        answers = {
            "shots_colour": world.colour,
            "shots_zed": world.zed,
            "shots_category": CATEGORY_OF,
        }[skill]
        items = rng.sample(OBJECTS, 4)
        shown = [(item, answers[item]) for item in items]
        asked = {"object": items[-1]}
    count = rng.randint(2, 3)
    return {"shots": ", ".join(f"{query}: {answer}" for query, answer in shown[:count]), **asked}
