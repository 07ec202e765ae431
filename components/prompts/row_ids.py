"""Ids of rows are published with prompts, rejects and the audit, so they must not name a person."""

#: A shorter user id stands in another id by chance.
LEAST = 4


def person_in(row_id: str, user_id: str) -> str:
    """What in a row's id names a person, or "".

    An id often is ``<user>-<number>``: published, it would undo the user's pseudonym.
    """
    if "@" in row_id:
        return "an address"
    if len(user_id) >= LEAST and _holds_word(row_id, user_id):
        return "its user's id"
    return ""


def _holds_word(text: str, word: str) -> bool:
    """Whether a word stands in a text with no letter or digit right before or after it."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (text[max(0, at - 1) : at].isalnum() or text[end : end + 1].isalnum()):
            return True
        at = text.find(word, at + 1)
    return False
