"""The text as a reader sees it: what hides or disguises a value is undone before rules look.

A value in JSON, HTML, a URL or Markdown is the same value: escapes are read, emphasis is not seen.
"""

import functools
import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.prompts.pii.entity import Span

#: Invisible characters that would part a value in two without anyone seeing it.
_INVISIBLE = frozenset(
    "\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff\u034f"
    "\ufe00\ufe01\ufe02\ufe03\ufe04\ufe05\ufe06\ufe07\ufe08\ufe09\ufe0a\ufe0b\ufe0c\ufe0d\ufe0e\ufe0f"
)
#: Look-alikes of separators.
_ALIKE = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a", " "),
    **dict.fromkeys("\u1680\u202f\u205f\u3000", " "),
    "\ufe6b": "@",
}
_FULL_WIDTH = 0xFEE0
_HIDDEN = re.compile("[" + "".join(sorted(_INVISIBLE)) + "]")
#: Invisible ones, full-width forms, digits of other scripts. RE2 cannot subtract as ``re`` does.
_RARE = "".join(sorted(_INVISIBLE)) + "\uff01-\uff5e"
_ODD = re.compile(rf"[{_RARE}]|[^\D0-9]")
_ODD_OF_RE2 = rf"[{_RARE}]|[^\P{{Nd}}0-9]"
_SURROGATE = re.compile("[\ud800-\udfff]")
#: A character as JSON and source code, HTML, and URLs write it; of URLs, what is part of a value.
_WRITTEN = re.compile(
    r"\\(?:(?P<short>[nrt\"'/])|u00(?P<code>[2-7][0-9A-Fa-f]))"
    r"|(?P<entity>&(?:#\d{2,4}|#[xX][0-9A-Fa-f]{2,4}|[A-Za-z]{2,8});)|%(?P<byte>40|2[Bb])"
)
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}
#: Markdown's emphasis: a pair of underscores around words.
_EMPHASIS = re.compile(
    r"(?<![\w@])(?P<open>_{1,3})(?=[^\W_]|[+(])(?P<inner>[^\n]{2,200}?)(?<=[^\W_])(?P=open)(?!\w)"
)
#: Wider than the two above, for RE2.
_WRITTEN_OF_RE2 = r"\\[nrt\"'/u]|&[#A-Za-z][0-9A-Za-z]{1,7};|%(?:40|2[Bb])"
_EMPHASIS_OF_RE2 = r"(?:^|[^0-9A-Za-z_@])_{1,3}[^\s_]"


@dataclass(frozen=True)
class Places:
    """Where in the original each character of the text that is seen stands."""

    starts: list[int]
    #: The ends of those characters that are written with several, by their starts.
    ends: dict[int, int]

    def original(self, start: int, end: int) -> Span:
        """The place of a stretch of the text that is seen; not of what is hidden behind it."""
        last = self.starts[end - 1]
        return self.starts[start], self.ends.get(last, last + 1)


def plain(text: str) -> tuple[str, Places | None]:
    r"""The text as a reader sees it, and where each of its characters stands in the original.

    Invisible characters go, full-width and other digits and look-alike separators become ASCII, a
    lone surrogate becomes U+FFFD; a character that is written otherwise (``\n``, ``\u0040``,
    ``&#64;``, ``%40``) is itself; emphasis becomes blanks. All else stays one character for one:
    where that is all, the places are None.
    """
    hidden: list[tuple[int, int, str]] = []
    if not text.isascii():
        text, odd = _ascii_where_alike(text)
        hidden = [(*match.span(), "") for match in _HIDDEN.finditer(text)] if odd else []
    text = _without_emphasis(text)
    edits = sorted(_written(text) + hidden)
    return _edited(text, edits) if edits else (text, None)


def _ascii_where_alike(text: str) -> tuple[str, bool]:
    """A text of the same length, and whether it had or has odd characters."""
    for character, alike in _ALIKE.items():
        if character in text:
            text = text.replace(character, alike)
    try:
        odd = _finder(_ODD_OF_RE2)(text)
    except UnicodeEncodeError:
        text = _SURROGATE.sub("\ufffd", text)
        odd = _finder(_ODD_OF_RE2)(text)
    return (text, False) if odd is None else (_ODD.sub(lambda m: _ascii(m[0]), text), True)


def _without_emphasis(text: str) -> str:
    if "_" in text and _finder(_EMPHASIS_OF_RE2)(text):
        text = _EMPHASIS.sub(
            lambda match: " " * len(match["open"]) + match["inner"] + " " * len(match["open"]), text
        )
    return text.replace("**", "  ")


def _written(text: str) -> list[tuple[int, int, str]]:
    """Start, end and character of each that is written otherwise."""
    possible = "\\" in text or "&" in text or "%" in text
    if not possible or _finder(_WRITTEN_OF_RE2)(text) is None:
        return []
    found = [(*match.span(), _character(match)) for match in _WRITTEN.finditer(text)]
    return [edit for edit in found if edit[2]]


def _character(match: re.Match[str]) -> str:
    if match["short"]:
        return _SHORT.get(match["short"], match["short"])
    if match["entity"]:
        character = html.unescape(match["entity"]).replace("\xa0", " ")
        return character if len(character) == 1 and character.isascii() else ""
    return chr(int(match["code"] or match["byte"], 16))


def _edited(text: str, edits: list[tuple[int, int, str]]) -> tuple[str, Places]:
    """A text with stretches replaced by a character or nothing."""
    parts: list[str] = []
    starts: list[int] = []
    at = 0
    for start, end, character in edits:
        parts += [text[at:start], character]
        starts += [*range(at, start), *[start][: len(character)]]
        at = end
    ends = {start: end for start, end, character in edits if character}
    return "".join([*parts, text[at:]]), Places([*starts, *range(at, len(text))], ends)


@functools.cache
def _finder(expression: str) -> Callable[[str], Any]:
    import re2  # ten times as fast as re where there is nothing to find, which is nearly always

    search: Callable[[str], Any] = re2.compile(expression).search
    return search


def _ascii(character: str) -> str:
    if character in _INVISIBLE:
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return chr(ord(character) - _FULL_WIDTH)
