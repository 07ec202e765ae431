"""The form in which prompts are compared, and the part of a few-shot prompt that asks.

Normal form of a text, in this order: format and control characters go (zero-width characters, soft
hyphens; white space stays), Unicode NFKC case folding, every run of white space becomes one space,
both ends are stripped. It is idempotent. It is computed here and nowhere else: engines that offer
``lower()`` and ``\\s`` of their own differ from one another to the bit on Unicode.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from components.core.records import Kind, Message

#: Separates turns in the normal form of a conversation. No normalised text holds it.
TURN = "\x1e"

INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb]"
)
#: Scripts that write without spaces: two characters count as a word.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
#: The label that opens a line of a few-shot example: ``Q:``, ``Tweet:``, ``Input text:``.
_LABEL = re.compile(r"^[ \t]{0,8}([^\W\d_][^\n:]{0,30}):", re.MULTILINE)
_SHOTS = 3


def normalise(text: str) -> str:
    """The normal form of one text."""
    text = " ".join(text.split())
    # Neither controls nor format characters are printable, and the check is cheaper than a search.
    if not text.isprintable():
        text = " ".join(INVISIBLE.sub("", text).split())
    if text.isascii():
        return text.lower()
    folded = text.casefold()
    if unicodedata.is_normalized("NFKC", text) and unicodedata.is_normalized("NFKC", folded):
        return folded
    # Unicode's toNFKC_Casefold (definition R5), spelled out; stable under repetition.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    text = unicodedata.normalize("NFKC", text.casefold())
    return " ".join(INVISIBLE.sub("", text).split())


def conversation(messages: Sequence[Message]) -> str:
    """The normal form of a whole conversation; of a single user's turn, that of its text."""
    return joined(messages, [normalise(message.content) for message in messages])


def joined(messages: Sequence[Message], normal: Sequence[str]) -> str:
    """``conversation`` from the normal forms of its messages."""
    if len(messages) == 1 and messages[0].role == "user":
        return normal[0]
    turns = zip(messages, normal, strict=True)
    return TURN.join(f"{message.role}: {text}" for message, text in turns)


def words(text: str) -> int:
    """Words of a normalised text; in scripts without spaces two characters count as one."""
    count = text.count(" ") + bool(text)
    return count if text.isascii() else count + len(UNSPACED.findall(text)) // 2


def few_shot_query(messages: Sequence[Message], kind: Kind) -> str:
    """The normalised query of a few-shot prompt, or "" where the prompt has no such form.

    A prompt has it when a label such as ``Q:`` opens at least three of its lines (the query starts
    at the last one of the first repeated label), or when its kind says so (the query is the last
    paragraph, or the last two lines where there is only one).
    """
    text = messages[-1].content
    if text.count(":") >= _SHOTS:
        found = [
            (match.group(1).strip().casefold(), match.start()) for match in _LABEL.finditer(text)
        ]
        counts = Counter(label for label, _ in found)
        repeated = next((label for label, _ in found if counts[label] >= _SHOTS), None)
        if repeated is not None:
            return normalise(text[max(start for label, start in found if label == repeated) :])
    if kind == "few_shot":
        paragraphs = [part for part in re.split(r"\n[ \t]*\n", text) if part.strip()]
        if len(paragraphs) > 1:
            return normalise(paragraphs[-1])
        return normalise("\n".join(text.strip().splitlines()[-2:]))
    return ""
