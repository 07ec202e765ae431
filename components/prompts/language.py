"""Which language a prompt is in. Reported, never a reason to drop (the paper's rule)."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import cache

from components.core.records import Message

#: BCP 47 tag of a conversation.
Identify = Callable[[Sequence[Message]], str]
UNDETERMINED = "und"
#: The start of a prompt says its language; what follows is often data.
_CHARACTERS = 300
#: Fewer letters than that, or a smaller probability, decide nothing.
_LETTERS = 20
_PROBABILITY = 0.8


def identifier() -> tuple[str, Identify]:
    """The name of the identifier at hand, and the identifier: py3langid, or none at all."""
    if importlib.util.find_spec("py3langid") is None:
        return "none", lambda messages: UNDETERMINED
    return "py3langid", _py3langid


def _py3langid(messages: Sequence[Message]) -> str:
    text = messages[-1].content[:_CHARACTERS]
    if sum(map(str.isalpha, text)) < _LETTERS:
        return UNDETERMINED
    language, probability = _model().classify(text)
    return str(language) if probability >= _PROBABILITY else UNDETERMINED


@cache
def _model():  # type: ignore[no-untyped-def]
    langid = importlib.import_module("py3langid.langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
