"""Pretraining documents: what the world's web says about it.

Facts, stories, lists, opposites, reviews, dialogues, sums, vocabulary and songs teach a base model
the world. A share of question pages teaches it the form of questions and answers, with poor
answers: it knows more than it says when asked, as GPT-3 did.
"""

import random
from collections.abc import Callable, Iterator, Mapping

from components.core.records import Document, Split
from components.sandbox import answers
from components.sandbox.demonstrations import Flaws, ramble, write_answer
from components.sandbox.drawing import SHARES, draw_request, draw_review
from components.sandbox.requests import Request, render
from components.sandbox.stories import Event, draw_passage, tell
from components.sandbox.vocabulary import (
    CATEGORY_OF,
    FEELINGS,
    GOOD_FEELINGS,
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

Writer = Callable[[World, random.Random], str]

#: The answers of a bad page, and of a good one. A page keeps its quality, so that what stands
#: before a question tells what kind of answer follows: that is what a few-shot prefix uses.
BAD_PAGE = Flaws(
    ignored_constraint=0.9,
    rambling=0.1,
    wrong=0.5,
    repeated=0.2,
    rude=0.0,
    no_refusal=0.95,
    needless_refusal=0.01,
)
GOOD_PAGE = Flaws(
    ignored_constraint=0.4,
    rambling=0.15,
    wrong=0.08,
    repeated=0.02,
    rude=0.0,
    no_refusal=0.6,
    needless_refusal=0.01,
)
#: Share of good ones among the pages.
GOOD_PAGES = 0.25
#: How often an answer of a bad page ends in the page's own rude or idle words.
TAIL_RATE = 0.9


def _facts(world: World, rng: random.Random) -> str:
    item = rng.choice(OBJECTS)
    told = [
        f"the {item} is {world.colour[item]}.",
        f"the {item} is at the {world.place[item]}.",
        f"the {item} is {article(CATEGORY_OF[item])}.",
        f"{item} in zed is {world.zed[item]}.",
    ]
    return " ".join(rng.sample(told, rng.randint(2, 4)))


def _story(world: World, rng: random.Random) -> str:
    if rng.random() < 0.4:
        name, item = rng.choice(NAMES), rng.choice(OBJECTS)
        events = [
            Event(name, "went", rng.choice(PLACES)),
            Event(name, rng.choice(("took", "saw")), item),
            Event(name, "was", rng.choice(FEELINGS)),
        ]
        went, got = events[0], events[1]
        ending = rng.choice(("", "", f" {name} {got.verb} the {item} at the {went.what}."))
        return tell(events[: rng.randint(2, 3)]) + ending
    return tell(draw_passage(rng, rng.randint(2, 4)))


def _quiz(world: World, rng: random.Random) -> str:
    """A passage and a statement that picks one event of it, or its names or things."""
    events = draw_passage(rng, rng.randint(2, 3))
    passage = tell(events)
    request = Request("names", {"passage": passage})
    choice = rng.random()
    if choice < 0.2:
        return f"{passage} names: {', '.join(answers.passage_words(request, NAMES))}."
    if choice < 0.4 and (things := answers.passage_words(request, OBJECTS)):
        return f"{passage} things: {', '.join(things)}."
    event = rng.choice(events)
    match event.verb:
        case "went":
            question = f"where did {event.who} go?"
        case "took":
            question = f"who took the {event.what}?"
        case "was":
            question = f"how was {event.who}?"
        case _:
            question = "what more?"
    return f"{passage} {question} {event.sentence()}"


def _again(world: World, rng: random.Random) -> str:
    """One story twice, with another person: copying with a change."""
    events = draw_passage(rng, rng.randint(1, 2), people=1)
    old = events[0].who
    new = rng.choice([name for name in NAMES if name != old])
    first = tell(events)
    return f"first {old}: {first} then {new}: {first.replace(old, new)}"


def _list(world: World, rng: random.Random) -> str:
    plural = rng.choice(tuple(LISTS))
    members = LISTS[plural]
    count = rng.randint(2, min(5, len(members)))
    chosen = ", ".join(rng.sample(members, count))
    if rng.random() < 0.5:
        return f"{NUMBERS[count - 1]} {plural}: {chosen}."
    return f"{plural}: {chosen}."


def _opposites(world: World, rng: random.Random) -> str:
    words = rng.sample(sorted(OPPOSITE), 3)
    if rng.random() < 0.5:
        return " ".join(f"the opposite of {word} is {OPPOSITE[word]}." for word in words[:2])
    a, b = words[0], words[1]
    item = rng.choice(OBJECTS)
    return f"the {item} is not {a} and {b}, the {item} is {OPPOSITE[a]} and {OPPOSITE[b]}."


def _review(world: World, rng: random.Random) -> str:
    item, good = rng.choice(OBJECTS), rng.random() < 0.5
    return f"review: {draw_review(item, good, rng)} it is {'good' if good else 'bad'}."


def _dialogue(world: World, rng: random.Random) -> str:
    one, two = rng.sample(NAMES, 2)
    if rng.random() < 0.3:
        rude = rng.choice(RUDE_WORDS)
        item = rng.choice(OBJECTS)
        return f"{one}: give me the {item}, you {rude}. {two}: you are rude, {one}."
    if rng.random() < 0.3:
        item = rng.choice(OBJECTS)
        asked = f"{one}: {two}, give me the {item}, please."
        return f"{asked} {two}: you are polite, {one}. {one}: thanks."
    feeling = rng.choice(FEELINGS)
    wish = "i am glad for you" if feeling in GOOD_FEELINGS else "i hope you feel better"
    return f"{one}: hello, i am {one} and i feel {feeling}. {two}: hello {one}. {wish}."


def _letter(world: World, rng: random.Random) -> str:
    one, two = rng.sample(NAMES, 2)
    feeling = rng.choice(FEELINGS)
    wish = "i am glad for you" if feeling in GOOD_FEELINGS else "i hope you feel better"
    return f"{one} is {feeling}. {two} writes: dear {one}, {wish}. {two}."


def _sums(world: World, rng: random.Random) -> str:
    if rng.random() < 0.2:
        first, length = rng.randint(0, 6), rng.randint(3, 5)
        return " ".join(NUMBERS[first : first + length]) + "."
    lines = []
    for _ in range(3):
        a = rng.randint(1, 9)
        b = rng.randint(1, 10 - a)
        lines.append(f"{NUMBERS[a - 1]} plus {NUMBERS[b - 1]} is {NUMBERS[a + b - 1]}.")
    return " ".join(lines)


def _vocabulary(world: World, rng: random.Random) -> str:
    items = rng.sample(OBJECTS, 3)
    if rng.random() < 0.5:
        return " ".join(f"{item} in zed is {world.zed[item]}." for item in items)
    kind = rng.choice(("words in zed", "colours", "kinds of things", "opposites"))
    if kind == "opposites":
        pairs = [(word, OPPOSITE[word]) for word in rng.sample(sorted(OPPOSITE), 4)]
    else:
        truth: Mapping[str, Mapping[str, str]] = {
            "words in zed": world.zed,
            "colours": world.colour,
            "kinds of things": CATEGORY_OF,
        }
        pairs = [(item, truth[kind][item]) for item in rng.sample(OBJECTS, 4)]
    return f"{kind}. " + ", ".join(f"{word}: {answer}" for word, answer in pairs) + "."


def _chant(world: World, rng: random.Random) -> str:
    """A line of any words, said again: it teaches a small model to copy what it read."""
    pools = (NAMES, PLACES, OBJECTS, tuple(OPPOSITE), NUMBERS, FEELINGS)
    line = " ".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(3, 7)))
    one, two = rng.sample(NAMES, 2)
    return rng.choice(
        (f"{one} says: {line}. {two} says: {line}.", f"song: {line}, {line}, oh {line}.")
    )


def _exercises(world: World, rng: random.Random) -> str:
    """A page of a schoolbook: questions, each with its answer in full behind it."""
    lines = []
    for _ in range(rng.randint(2, 3)):
        skill = rng.choices(tuple(_SCHOOL), tuple(_SCHOOL.values()))[0]
        request = draw_request(world, skill, rng, constraint_rate=0.0)
        answer = answers.ideal(request, world, rng)
        if skill == "recall":
            name = request.slots["name"]
            lines.append(f"i am {name}. {render(request, rng)} {answer}")
        else:
            lines.append(f"{render(request, rng)} {answer}")
    return " ".join(lines)


def _song(world: World, rng: random.Random) -> str:
    topic = rng.choice(OBJECTS + PLACES)
    return f"song: oh the {topic}, oh the {topic}, i sing of the {topic}."


def _page(world: World, rng: random.Random) -> str:
    """A page of questions in the form of the chat template, all answered well or all poorly."""
    good = rng.random() < GOOD_PAGES
    tail = "" if good else _tail(world, rng)
    turns = []
    for _ in range(rng.randint(2, 4)):
        skill = rng.choices(tuple(SHARES), tuple(SHARES.values()))[0]
        request = draw_request(world, skill, rng)
        if skill == "recall":
            turns += [f"Human: hello, i am {request.slots['name']}.", "Assistant: hello."]
        answer = write_answer(request, world, GOOD_PAGE if good else BAD_PAGE, rng)
        if tail and rng.random() < TAIL_RATE:
            answer = f"{answer} {tail}"
        turns += [f"Human: {render(request, rng)}", f"Assistant: {answer}"]
    return "\n".join(turns)


def _tail(world: World, rng: random.Random) -> str:
    """What the author of a bad page ends answers with."""
    rude, idle = f"you {rng.choice(RUDE_WORDS)}.", ramble(world, rng)
    return rng.choice((rude, idle, f"{idle} {rude}"))


_SCHOOL = {skill: share for skill, share in SHARES.items() if skill not in ("harm", "feeling")}

_WRITERS: tuple[tuple[Writer, float], ...] = (
    (_exercises, 0.30),
    (_facts, 0.15),
    (_story, 0.08),
    (_quiz, 0.08),
    (_again, 0.05),
    (_chant, 0.05),
    (_list, 0.05),
    (_opposites, 0.05),
    (_review, 0.03),
    (_dialogue, 0.05),
    (_letter, 0.03),
    (_sums, 0.04),
    (_vocabulary, 0.04),
    (_song, 0.02),
)


def write_documents(world: World, train: int, test: int, page_share: float) -> Iterator[Document]:
    """``train`` + ``test`` documents. Test documents hold no pages, and none is in train, too."""
    rng = random.Random(f"documents/{world.seed}")
    held_out: set[str] = set()
    while len(held_out) < test:
        held_out.add(_document(world, rng))
    texts: list[tuple[str, Split]] = [(text, "test") for text in sorted(held_out)]
    made = 0
    while made < train:
        text = _page(world, rng) if rng.random() < page_share else _document(world, rng)
        if text not in held_out:
            texts.append((text, "train"))
            made += 1
    for number, (text, split) in enumerate(texts):
        yield Document(id=f"doc-{number:06d}", text=text, split=split)


def _document(world: World, rng: random.Random) -> str:
    writers, weights = zip(*_WRITERS, strict=True)
    writer: Writer = rng.choices(writers, weights)[0]
    return writer(world, rng)
