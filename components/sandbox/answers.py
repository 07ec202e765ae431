"""What a good labeler answers to a request: one ideal answer, and the keys it is judged by."""

import random
from collections.abc import Mapping

from components.sandbox.requests import Request
from components.sandbox.stories import Event, parse_passage
from components.sandbox.vocabulary import (
    BAD_WORDS,
    CATEGORIES,
    CATEGORY_OF,
    COLOURS,
    FEELINGS,
    GOOD_FEELINGS,
    GOOD_WORDS,
    LISTS,
    NAMES,
    NUMBERS,
    OBJECTS,
    OPPOSITE,
    PLACES,
    RUDE_WORDS,
    World,
    article,
)

REFUSAL = "sorry, i can not help with that."
#: Skills whose answer is one word among rivals, with the rivals.
_RIVALS: Mapping[str, tuple[str, ...]] = {
    "colour": COLOURS,
    "place": PLACES,
    "opposite": tuple(OPPOSITE),
    "sum": NUMBERS,
    "category": tuple(CATEGORIES),
    "where": PLACES,
    "who": NAMES,
    "how": FEELINGS,
    "sentiment": ("good", "bad"),
    "tone": ("rude", "polite"),
    "recall": NAMES,
    "shots_colour": COLOURS,
    "shots_opposite": tuple(OPPOSITE),
    "shots_category": tuple(CATEGORIES),
}


def key(request: Request, world: World) -> str | None:
    """The one word that decides the answer; None for skills whose answer is not one word."""
    slots = request.slots
    match request.skill:
        case "colour" | "shots_colour":
            return world.colour[slots["object"]]
        case "place":
            return world.place[slots["object"]]
        case "zed" | "shots_zed":
            return world.zed[slots["object"]]
        case "opposite" | "shots_opposite":
            return OPPOSITE[slots["adjective"]]
        case "sum":
            return NUMBERS[NUMBERS.index(slots["a"]) + NUMBERS.index(slots["b"]) + 1]
        case "category" | "shots_category":
            return CATEGORY_OF[slots["object"]]
        case "where":
            return _found(request, "went", who=slots["name"]).what
        case "who":
            return _found(request, "took", what=slots["object"]).who
        case "how":
            return _found(request, "was", who=slots["name"]).what
        case "sentiment":
            good = any(word in (*GOOD_WORDS, "like") for word in words(slots["passage"]))
            return "good" if good else "bad"
        case "tone":
            rude = any(word in RUDE_WORDS for word in words(slots["passage"]))
            return "rude" if rude else "polite"
        case "recall":
            return slots["name"]
        case _:
            return None


def rivals(request: Request, world: World) -> frozenset[str]:
    """Words that contradict the key when they stand in an answer (the question's own excepted)."""
    if request.skill in ("zed", "shots_zed"):
        return world.zed_words
    asked = {request.slots.get(slot, "") for slot in ("adjective", "a", "b")}
    return frozenset(_RIVALS[request.skill]) - asked


def ideal(request: Request, world: World, rng: random.Random) -> str:
    """A right answer that keeps the request's constraint; ``rng`` chooses among several."""
    if request.skill == "harm":
        return REFUSAL
    short = key(request, world)
    if request.constraint == "one_word":
        return f"{short}."
    answer = _answer(request, world, short or "", rng)
    return keep_constraint(answer, request)


def keep_constraint(answer: str, request: Request) -> str:
    """The answer with what the request demands at its start or end."""
    if request.constraint == "end_thanks":
        return f"{answer} thanks."
    if request.constraint == "start_sure":
        return f"sure. {answer}"
    return answer


def words(text: str) -> list[str]:
    """The words of a text, lower case, punctuation off."""
    return [word for part in text.lower().split() if (word := part.strip(".,:;!?\"'"))]


def passage_words(request: Request, among: tuple[str, ...]) -> list[str]:
    """The words of the request's passage that are in ``among``, in order, each once."""
    return list(dict.fromkeys(word for word in words(request.slots["passage"]) if word in among))


def _found(request: Request, verb: str, who: str = "", what: str = "") -> Event:
    """The event of the request's passage that a question asks for; KeyError if there is none."""
    for event in parse_passage(request.slots["passage"]):
        if event.verb == verb and who in ("", event.who) and what in ("", event.what):
            return event
    raise KeyError(f"the passage does not tell: {verb}")


def _answer(request: Request, world: World, short: str, rng: random.Random) -> str:
    slots = request.slots
    match request.skill:
        case "colour":
            return f"the {slots['object']} is {short}."
        case "place":
            return f"the {slots['object']} is at the {short}."
        case "zed":
            return f"{slots['object']} in zed is {short}."
        case "opposite":
            return f"the opposite of {slots['adjective']} is {short}."
        case "sum":
            return f"{slots['a']} plus {slots['b']} is {short}."
        case "category":
            return f"the {slots['object']} is {article(short)}."
        case "where":
            return f"{slots['name']} went to the {short}."
        case "who":
            return f"{short} took the {slots['object']}."
        case "how":
            return f"{slots['name']} was {short}."
        case "sentiment" | "tone":
            return f"it is {short}."
        case "recall":
            return f"your name is {short}."
        case "list":
            members = [item for item in LISTS[slots["plural"]] if item != slots["exclude"]]
            return ", ".join(rng.sample(members, NUMBERS.index(slots["count"]) + 1)) + "."
        case "names":
            return ", ".join(passage_words(request, NAMES)) + "."
        case "things":
            return ", ".join(passage_words(request, OBJECTS)) + "."
        case "repeat":
            return " ".join([slots["word"]] * (NUMBERS.index(slots["count"]) + 1)) + "."
        case "count":
            start, end = NUMBERS.index(slots["a"]), NUMBERS.index(slots["b"])
            return " ".join(NUMBERS[start : end + 1]) + "."
        case "swap":
            return slots["passage"].replace(slots["old"], slots["new"])
        case "negate":
            first, second = OPPOSITE[slots["adjective"]], OPPOSITE[slots["adjective2"]]
            return f"the {slots['object']} is {first} and {second}."
        case "summary":
            went, took, *_ = parse_passage(slots["passage"])
            return f"{took.who} {took.verb} the {took.what} at the {went.what}."
        case _ if short:
            return f"{short}."
        case _:
            return _free(request, rng)


def _free(request: Request, rng: random.Random) -> str:
    """Answers with freedom: stories, songs, reviews, cards and small talk."""
    slots = request.slots
    match request.skill:
        case "story" | "tale":
            name, place = slots["name"], slots.get("place") or rng.choice(PLACES)
            went = Event(name, "went", place)
            got = Event(name, rng.choice(("took", "saw")), slots["object"])
            return f"{went.sentence()} {got.sentence()}"
        case "song":
            topic = slots["topic"]
            return f"oh the {topic}, oh the {topic}, i sing of the {topic}."
        case "review":
            good = slots["polarity"] == "good"
            word = rng.choice(GOOD_WORDS if good else BAD_WORDS)
            return f"the {slots['object']} is {word}. i {'like' if good else 'hate'} it."
        case "card":
            wish = _wish(slots["feeling"])
            return f"dear {slots['name']}, {wish}. {slots['other']}."
        case "feeling":
            return f"hello {slots['name']}. {_wish(slots['feeling'])}."
        case _:
            raise ValueError(f"no such skill: {request.skill}")


def _wish(feeling: str) -> str:
    return "i am glad for you" if feeling in GOOD_FEELINGS else "i hope you feel better"
