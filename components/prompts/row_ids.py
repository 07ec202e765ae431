"""Ids of rows are published with prompts, rejects and the audit, so they must not name a person."""

import functools
import re
from urllib.parse import unquote

from components.prompts.config import PiiConfig
from components.prompts.pii.detect import Detector
from components.prompts.pii.registry import entities
from components.prompts.text.normalise import normalise

#: A shorter user id stands in another id by chance; one shorter than ``WHOLE``, in another word.
LEAST, WHOLE = 4, 8
#: What is looked for in any id, and how it is told. No cards or national ids: one number in ten has
#: the check digit of one.
_TOLD = {
    "EMAIL": "an address",
    "PHONE": "a phone number",
    "SSN": "a social security number",
    "IBAN": "an IBAN",
}
#: A UUID, and a row's place as ``publish`` writes it: digits that machines drew are a phone number
#: or an account once in ten thousand times.
_DRAWN = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12}-0\d{8}(?!\d)", re.IGNORECASE
)
#: Between the parts of an id: ``chat_+4930123456-17`` holds a number that by itself is one.
_BETWEEN = re.compile(r"[_/|#:]+|(?<=[^\W\d_])-|-(?=\d{1,6}$)")
#: Digits of the shortest value that is looked for and no address.
_FEWEST = 7


def person_in(row_id: str, user_id: str) -> str:
    """What in a row's id names a person, or "".

    An id often is ``<user>-<number>``: published, it would undo the user's pseudonym. Case, width
    and percent-encoding make no difference.
    """
    form, user = _form(row_id), _form(user_id)
    if "@" in form:
        return "an address"
    stands = len(user) >= WHOLE and user in form
    if stands or (len(user) >= LEAST and _holds_word(form, user)):
        return "its user's id"
    text = _DRAWN.sub("", unquote(row_id))
    # By parts, too: words beside a number decide whether it is a phone's, and ids are no sentences.
    parts = _BETWEEN.split(text) if sum(map(str.isdigit, text)) >= _FEWEST else []
    found = (hit for part in dict.fromkeys([text, *parts]) for hit in _detector().find(part))
    return next((_TOLD[hit.entity] for hit in found), "")


def _form(text: str) -> str:
    """NFKC case-folded, percent-decoded; a full-width percent sign is one, too."""
    return normalise(unquote(normalise(text)))


@functools.cache
def _detector() -> Detector:
    return Detector([entity for entity in entities(PiiConfig()) if entity.name in _TOLD])


def _holds_word(text: str, word: str) -> bool:
    """Whether a word stands in a text with no letter or digit right before or after it."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (text[max(0, at - 1) : at].isalnum() or text[end : end + 1].isalnum()):
            return True
        at = text.find(word, at + 1)
    return False
