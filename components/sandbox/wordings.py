"""The wordings of the made-up world: how people ask for what, and what they demand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Constraint = Literal["", "one_word", "end_thanks", "start_sure"]


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
