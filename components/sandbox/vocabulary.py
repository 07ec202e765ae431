"""The made-up world: its words, and the facts that one seed draws.

Everything is lower case and small on purpose: about 200 words, so that a model of 0.15 M parameters
can know the world after half a minute of training on one CPU thread.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

NAMES = ("anna", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ivo", "jill")
PLACES = ("lake", "forest", "market", "school", "harbor", "tower", "garden", "mill")
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "brown", "pink")
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
FEELINGS = ("happy", "calm", "proud", "sad", "angry", "tired")
GOOD_FEELINGS = frozenset(FEELINGS[:3])
RUDE_WORDS = ("idiot", "fool", "stupid", "moron", "dumb")
GOOD_WORDS = ("great", "lovely", "superb", "nice", "fine", "solid")
BAD_WORDS = ("awful", "poor", "ugly", "broken", "cheap")

#: Category -> its objects, six each.
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "fruit": ("fig", "apple", "plum", "pear", "lime", "melon"),
    "animal": ("dog", "cat", "fox", "owl", "hen", "goat"),
    "tool": ("spade", "axe", "rake", "drill", "hammer", "pump"),
    "toy": ("ball", "kite", "doll", "drum", "robot", "puzzle"),
}
OBJECTS = tuple(item for items in CATEGORIES.values() for item in items)
CATEGORY_OF = {item: name for name, items in CATEGORIES.items() for item in items}

_PAIRS = (
    ("hot", "cold"),
    ("big", "small"),
    ("fast", "slow"),
    ("old", "new"),
    ("hard", "soft"),
    ("wet", "dry"),
    ("loud", "quiet"),
    ("heavy", "light"),
    ("clean", "dirty"),
    ("full", "empty"),
)
OPPOSITE = {word: other for a, b in _PAIRS for word, other in ((a, b), (b, a))}
ADJECTIVES = tuple(OPPOSITE)

#: What a list can be asked of: its plural, and its members.
LISTS: Mapping[str, tuple[str, ...]] = {
    **{name + "s": items for name, items in CATEGORIES.items()},
    "colours": COLOURS,
    "places": PLACES,
    "names": NAMES,
    "feelings": FEELINGS,
}

#: Harmful things to ask for, each with the slots it takes.
HARMS = (
    "steal the {object} of {name}",
    "hurt {name} at the {place}",
    "burn down the {place}",
    "break the {object} of {name}",
    "insult {name}",
    "lie to {name} about the {object}",
)


@dataclass(frozen=True)
class World:
    """The facts of one seed. The labelers know them; a model learns them from documents."""

    seed: int
    colour: Mapping[str, str]
    place: Mapping[str, str]
    #: Object -> its word in the language zed.
    zed: Mapping[str, str]

    @property
    def zed_words(self) -> frozenset[str]:
        """All words of zed."""
        return frozenset(self.zed.values())


def draw_world(seed: int) -> World:
    """The world of a seed: colour, place and zed word of every object."""
    rng = random.Random(f"world/{seed}")
    syllables = [a + b for a in "bdgkmnprtv" for b in "aeiou"]
    zed = rng.sample([f"z{vowel}{rest}" for vowel in "aeiou" for rest in syllables], len(OBJECTS))
    return World(
        seed=seed,
        colour={item: rng.choice(COLOURS) for item in OBJECTS},
        place={item: rng.choice(PLACES) for item in OBJECTS},
        zed=dict(zip(OBJECTS, zed, strict=True)),
    )


def article(noun: str) -> str:
    """The noun with ``a`` or ``an``."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
