"""The text as a reader sees it: what hides or disguises a value is undone before rules look."""

import re
import sys
import unicodedata

#: Invisible characters that would part a value in two without anyone seeing it.
_INVISIBLE = frozenset(
    "\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
#: Look-alikes of separators.
_ALIKE = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("\xa0\u2000\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u202f\u3000", " "),
}
_FULL_WIDTH = 0xFEE0
_HIDDEN = re.compile("[" + "".join(sorted(_INVISIBLE)) + "]")
_ODD = re.compile("[" + "".join(sorted(_INVISIBLE)) + "".join(_ALIKE) + "\uff01-\uff5e]")
_ODD_DIGIT = re.compile(r"[^\D0-9]")
#: Characters outside ASCII whose case folding is inside it; ``re`` and RE2 may differ on them.
_FOLDS = "\u0130\u0131\u017f\u212a"


def plain(text: str) -> tuple[str, list[int] | None]:
    """The text as a reader sees it, and where each of its characters stands in the original.

    Invisible characters go, full-width and other digits and look-alike separators become ASCII;
    all else stays one character for one. The places are None where nothing was left out.
    """
    if text.isascii() or not (_ODD.search(text) or _ODD_DIGIT.search(text)):
        return text, None
    seen = _ODD_DIGIT.sub(lambda match: str(unicodedata.decimal(match[0])), text)
    seen = _ODD.sub(lambda match: _ascii(match[0]), seen)
    if _HIDDEN.search(seen) is None:
        return seen, None
    places = [place for place, character in enumerate(seen) if character not in _INVISIBLE]
    return _HIDDEN.sub("", seen), places


def odd_characters() -> str:
    """All that ``plain`` changes, and the odd folds, as a character class in RE2's syntax."""
    marks = {*map(ord, _INVISIBLE), *map(ord, _ALIKE), *range(0xFF01, 0xFF5F), *map(ord, _FOLDS)}
    decimal = (c for c in range(128, sys.maxunicode + 1) if _ODD_DIGIT.match(chr(c)))
    parts: list[list[int]] = []
    for code in sorted(marks.union(decimal)):
        if parts and code == parts[-1][1] + 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return "[" + "".join(f"\\x{{{start:x}}}-\\x{{{end:x}}}" for start, end in parts) + "]"


def folds_oddly(text: str) -> bool:
    """Whether a text holds a character outside ASCII that folds to a letter inside it."""
    return any(character in text for character in _FOLDS)


def _ascii(character: str) -> str:
    if character in _INVISIBLE:
        return character
    return _ALIKE.get(character) or chr(ord(character) - _FULL_WIDTH)
