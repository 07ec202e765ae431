"""Names of persons and places, recognised by a spaCy model (extra ``ner``). Off by default.

No rule knows a name from another word; a small model takes one capitalised word in a few for one.
So its hits are replaced and never a reason to drop, and they do not count as values of a list.
"""

import functools
import random
import re
from dataclasses import dataclass
from typing import Any

from components.core.errors import UserError
from components.prompts.config import PiiConfig
from components.prompts.pii.entity import Canary, Entity, Listed

#: What spaCy's models call persons and places, those of OntoNotes and those of WikiNER.
_LABELS = {
    "PERSON": "PERSON",
    "PER": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "LOCATION": "LOCATION",
}
#: A model's memory grows with the text: longer ones are read piece by piece.
_PIECE = 50_000
_SPACE = re.compile(r"\s")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class SpacyNames:
    """A spaCy model by the name of its package, or in a folder."""

    model: str

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and entity of each name. Raises UserError where the model cannot be loaded."""
        if _LETTER.search(text) is None:
            return []
        found = []
        for start, end in _pieces(text):
            # A lone surrogate cannot be encoded, and spaCy encodes; one character for one.
            piece = text[start:end].encode("utf-8", "replace").decode("utf-8")
            for name in _loaded(self.model)(piece).ents:
                entity = _LABELS.get(name.label_)
                if entity is not None and _LETTER.search(name.text):
                    found.append((start + name.start_char, start + name.end_char, entity))
        return found


def _pieces(text: str) -> list[tuple[int, int]]:
    pieces, start = [], 0
    while len(text) - start > _PIECE:
        space = _SPACE.search(text, start + _PIECE, start + _PIECE + 1000)
        end = space.start() if space else start + _PIECE
        pieces.append((start, end))
        start = end
    return [*pieces, (start, len(text))]


@functools.cache
def _loaded(model: str) -> Any:
    try:
        import spacy  # an extra, and seconds to import: only where it is switched on
    except ImportError:
        raise UserError(
            "prompts.pii.ner: spaCy is not installed; install the extra: pip install "
            "'instructflow[ner]'"
        ) from None
    try:
        return spacy.load(model, exclude=["tagger", "parser", "attribute_ruler", "lemmatizer"])
    except OSError:
        raise UserError(
            f"prompts.pii.ner_model: got {model!r}; expected an installed spaCy model or the "
            "folder of one"
        ) from None


def person(config: PiiConfig) -> Entity:
    """Names of persons."""

    def canary(rng: random.Random) -> Canary:
        first = rng.choice(("Maria", "John", "Peter", "Susan"))
        value = f"{first} {rng.choice(('Miller', 'Johnson', 'Schmidt', 'Thompson'))}"
        return Canary(f"my friend {value} lives next door", value)

    return Entity("PERSON", (), "redact", False, canary, SpacyNames(config.ner_model))


def location(config: PiiConfig) -> Entity:
    """Countries, cities, regions, buildings."""

    def canary(rng: random.Random) -> Canary:
        value = rng.choice(("Berlin", "Chicago", "Canada", "Madrid"))
        return Canary(f"we moved to {value} last year", value)

    return Entity("LOCATION", (), "redact", False, canary, SpacyNames(config.ner_model))


ENTITIES = (Listed(200, person), Listed(210, location))
