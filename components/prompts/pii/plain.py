"""The text as a reader sees it: what hides or disguises a value is undone before rules look."""

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Any

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
#: Invisible ones, full-width forms, digits of other scripts. RE2 cannot subtract as ``re`` does.
_RARE = "".join(sorted(_INVISIBLE)) + "\uff01-\uff5e"
_ODD = re.compile(rf"[{_RARE}]|[^\D0-9]")
_ODD_OF_RE2 = rf"[{_RARE}]|[^\P{{Nd}}0-9]"
_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(text: str) -> tuple[str, list[int] | None]:
    """The text as a reader sees it, and where each of its characters stands in the original.

    Invisible characters go, full-width and other digits and look-alike separators become ASCII, a
    lone surrogate becomes U+FFFD; all else stays one character for one. The places are None where
    nothing was left out.
    """
    if text.isascii():
        return text, None
    for character, alike in _ALIKE.items():
        if character in text:
            text = text.replace(character, alike)
    try:
        odd = _first_odd()(text)
    except UnicodeEncodeError:
        text = _SURROGATE.sub("\ufffd", text)
        odd = _first_odd()(text)
    if odd is None:
        return text, None
    text = _ODD.sub(lambda match: _ascii(match[0]), text)
    if _HIDDEN.search(text) is None:
        return text, None
    places = [place for place, character in enumerate(text) if character not in _INVISIBLE]
    return _HIDDEN.sub("", text), places


@functools.cache
def _first_odd() -> Callable[[str], Any]:
    import re2  # ten times as fast as re where there is nothing to find, which is nearly always

    search: Callable[[str], Any] = re2.compile(_ODD_OF_RE2).search
    return search


def _ascii(character: str) -> str:
    if character in _INVISIBLE:
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return chr(ord(character) - _FULL_WIDTH)
