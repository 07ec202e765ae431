"""The normal forms of many texts at once: the same as ``normalise``, several times faster.

All texts of a batch lie one behind the other in one array of code points, and each step of the
normal form is one operation on it. That is possible where what becomes of a character does not
depend on its neighbours. It is so for nearly every character; a text that holds another one (an
accent of its own, a Korean jamo, a ligature) goes the slow way.
"""

import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.core.records import Message
from components.prompts.text.normalise import INVISIBLE, UNSPACED, joined, normalise

Codes = npt.NDArray[np.uint32]

_SPACE, _END = 0x20, 0x0A
#: Stands between texts: no character, and a text that holds it all the same goes the slow way.
_BETWEEN = "\uffff"
#: What becomes of a character that was not looked up yet, and of one that needs its neighbours.
_UNKNOWN, _HARD = 0xFFFFFFFF, 0xFFFFFFFE


def normal_forms(texts: Sequence[str]) -> list[str]:
    """``normalise`` of each text; some thousands at a time are best."""
    result = [""] * len(texts)
    plain = [at for at, text in enumerate(texts) if text.isascii()]
    other = [at for at, text in enumerate(texts) if not text.isascii() and _BETWEEN not in text]
    slow = [at for at, text in enumerate(texts) if _BETWEEN in text]
    if plain:
        data = "\xff".join(["", *(texts[at] for at in plain), ""]).encode("latin-1")
        codes = np.frombuffer(data.translate(_ascii()), dtype=np.uint8)
        normal = _without_surplus(codes).tobytes().decode("ascii")
        for at, text in zip(plain, normal[1:-1].split("\n"), strict=True):
            result[at] = text
    if other:
        between = _BETWEEN.join(["", *(texts[at] for at in other), ""])
        folded = _folded(_codes(between))
        hard = np.flatnonzero(folded == _HARD)
        if len(hard):
            ends = np.flatnonzero(folded == _END)
            slow += [other[at] for at in np.unique(np.searchsorted(ends, hard) - 1).tolist()]
            folded[hard] = 0
        normal = _without_surplus(folded).astype("<u4").tobytes().decode("utf-32-le", _AS_IT_IS)
        for at, text in zip(other, normal[1:-1].split("\n"), strict=True):
            result[at] = text
    for at in slow:
        result[at] = normalise(texts[at])
    return result


def conversations(prompts: Sequence[Sequence[Message]]) -> list[str]:
    """``normalise.conversation`` of each prompt."""
    normal = iter(normal_forms([message.content for prompt in prompts for message in prompt]))
    return [joined(prompt, [next(normal) for _ in prompt]) for prompt in prompts]


def word_counts(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """``normalise.words`` of each normal form, shape (texts,)."""
    counts = [text.count(" ") + bool(text) for text in texts]
    other = [at for at, text in enumerate(texts) if not text.isascii()]
    if other:
        codes = _codes("".join(texts[at] for at in other))
        ends = np.cumsum([len(texts[at]) for at in other])
        high = np.flatnonzero(codes >= 0x0E00)
        unspaced = high[[UNSPACED.match(chr(code)) is not None for code in codes[high].tolist()]]
        found = np.bincount(np.searchsorted(ends, unspaced, side="right"), minlength=len(other))
        for at, count in zip(other, found.tolist(), strict=True):
            counts[at] += count // 2
    return np.array(counts, dtype=np.int64)


_AS_IT_IS = "surrogatepass"


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", _AS_IT_IS), dtype="<u4").astype(np.uint32)


def _without_surplus(
    codes: npt.NDArray[np.uint8] | Codes,
) -> npt.NDArray[np.uint8] | Codes:
    """Zeros go, runs of spaces become one, and spaces beside an end of a text go."""
    codes = codes[codes != 0]
    space, end = codes == _SPACE, codes == _END
    keep = np.ones(len(codes), dtype=bool)
    keep[1:] = ~(space[1:] & (space[:-1] | end[:-1]))
    codes = codes[keep]
    # One space at most is left before an end.
    keep = np.ones(len(codes), dtype=bool)
    keep[:-1] = ~((codes[:-1] == _SPACE) & (codes[1:] == _END))
    return codes[keep]


def _folded(codes: Codes) -> Codes:
    """What becomes of each character: another, ``_SPACE``, 0 for nothing, ``_END`` or ``_HARD``."""
    table = _table()
    folded = table[codes]
    unknown = codes[folded == _UNKNOWN]
    if len(unknown):
        for code in np.unique(unknown).tolist():
            table[code] = _fold(chr(code))
        folded = table[codes]
    return folded


@functools.cache
def _table() -> Codes:
    """Filled as characters come along."""
    table = np.full(0x110000, _UNKNOWN, dtype=np.uint32)
    table[ord(_BETWEEN)] = _END
    return table


@functools.cache
def _ascii() -> bytes:
    """The same of ASCII, as bytes; 0xFF stands between texts."""
    folded = _folded(np.arange(0x80, dtype=np.uint32))
    return bytes(folded.tolist()) + bytes(0x7F) + bytes([_END])


def _fold(character: str) -> int:
    if character.isspace():
        return _SPACE
    if INVISIBLE.match(character):
        return 0
    # The forms that the character takes on the slow way, whatever else the text holds.
    folded = character.casefold()
    once = unicodedata.normalize("NFD", character).casefold()
    twice = unicodedata.normalize("NFKC", once).casefold()
    final = unicodedata.normalize("NFKC", twice)
    is_stable = unicodedata.is_normalized("NFKC", character)
    if is_stable and unicodedata.is_normalized("NFKC", folded) and folded != final:
        return _HARD
    forms = (character, folded, once, twice, final)
    if len(final) != 1 or final.isspace() or any(_reaches_back(form) for form in forms):
        return _HARD
    return ord(final)


def _reaches_back(form: str) -> bool:
    """Whether a form may combine with the character before it."""
    first = unicodedata.normalize("NFKD", form)[0]
    return unicodedata.combining(first) != 0 or first in _seconds()


@functools.cache
def _seconds() -> frozenset[str]:
    """Characters that are composed with one before them: by the tables, or as Korean jamo."""
    found = {chr(code) for code in range(0x1100, 0x1200)}
    for code in range(0x80, 0x110000):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))
    return frozenset(found)
