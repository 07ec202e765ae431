"""Languages: told where they are clear, ``und`` where not, and a list of those that may stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.records import Message
from components.prompts.text.language import identify_all


def told(*texts: str) -> list[str]:
    return identify_all([[Message("user", text)] for text in texts])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Can you tell me how to bake bread at home?", "en"),
        ("HELLO WORLD, HOW ARE YOU", "en"),
        ("¿Para qué sirve una turbina de vapor?", "es"),
        ("Wie backe ich zu Hause ein Brot?", "de"),
        ("Comment faire du pain à la maison ?", "fr"),
        ("Как испечь хлеб дома?", "ru"),
        ("如何在家烤面包？", "zh"),
        ("パンの焼き方を教えてください", "ja"),
        ("كيف أخبز الخبز في المنزل؟", "ar"),
    ],
)
def test_clear_ones(text: str, language: str) -> None:
    assert told(text) == [language]


def test_what_is_not_clear_is_undetermined() -> None:
    assert told("", "12 + 30 = ?", "🙂🙂", "asdf", "\x00\u200b") == ["und"] * 5


def test_the_last_message_decides_and_a_batch_is_as_one_by_one() -> None:
    conversation = [
        Message("user", "Wie backe ich zu Hause ein Brot?"),
        Message("assistant", "Mit Mehl."),
        Message("user", "Can you say that in English, please?"),
    ]
    assert identify_all([conversation]) == ["en"]
    texts = ["Good morning, how are you today?", "Wie geht es dir heute Morgen?"] * 3
    assert told(*texts) == [told(text)[0] for text in texts]


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_any_text_gets_a_tag(text: str) -> None:
    (language,) = told(text)
    assert language.isascii()
    assert 2 <= len(language) <= 3
