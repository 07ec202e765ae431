"""Properties over any text: Unicode of all kinds, lone surrogates, HTML, huge and empty ones."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pii_gold import Example, planted

from components.core.records import Message
from components.prompts.config import Action, PiiConfig
from components.prompts.pii.detect import Detector
from components.prompts.pii.redact import Redactor
from components.prompts.pii.registry import entities

ENTITIES = entities(PiiConfig())
DETECTOR = Detector(ENTITIES)
#: Every value is replaced, none is a reason to drop: so the output can be looked at.
REDACT: dict[str, Action] = {entity.name: "redact" for entity in ENTITIES}
REDACTOR = Redactor(ENTITIES, REDACT, 10**6, b"key")
CERTAIN = {entity.name for entity in ENTITIES if entity.certain}

ANY = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)
#: Right-to-left text and marks, zero-width characters, combining ones, other digits, look-alikes.
ODD = st.text(
    alphabet="\u200b\u200d\u200e\u200f\u202e\u2066\u2069\ufeff\xad\u0301"
    "שלוםمرحبا٠١٢１２－＠．\ud800 a1-",
    max_size=20,
)
VALUES = st.sampled_from([example.text for example in planted(1, seed=21)])
HTML = st.sampled_from(["<b>", "</td>", "<!--", "&amp;", "&#64;", '<a href="', "<script>", "]]>"])
PLACEHOLDERS = st.sampled_from(["[EMAIL_1]", "[PHONE_99]", "[CARD_", "_1]", "[", "]"])
TEXTS = st.lists(st.one_of(ANY, ODD, VALUES, HTML, PLACEHOLDERS), max_size=8).map("".join)
LABEL = re.compile(r"\[([A-Z_]{2,20})_(\d{1,6})\]")


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


@settings(max_examples=250, deadline=None)
@given(TEXTS)
def test_nothing_is_found_in_the_output(text: str) -> None:
    treated = REDACTOR.treat(user(text))
    if not treated.dropped:
        assert DETECTOR.find(treated.messages[0].content) == []
        if not treated.findings:
            assert treated.messages[0].content == text
    else:
        assert treated.messages == ()


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_treatment_is_deterministic_and_stays_within_the_conversation(texts: list[str]) -> None:
    turns = tuple(Message("user", text) for text in texts)
    treated = REDACTOR.treat(turns)
    assert treated == REDACTOR.treat(turns)
    if not treated.dropped:
        assert len(treated.messages) == len(turns)
        assert sum(redaction.count for redaction in treated.redactions) == len(treated.findings)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=3), ANY)
def test_the_same_turn_gets_the_same_placeholders(values: list[str], between: str) -> None:
    turn = f"\n{between}\n".join(values)
    treated = REDACTOR.treat(user(turn) + user(turn))
    if not treated.dropped:
        first, second = (message.content for message in treated.messages)
        assert LABEL.findall(first) == LABEL.findall(second)


CERTAIN_VALUES = [example for example in planted(2, seed=22) if example.entity in CERTAIN]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CERTAIN_VALUES), ANY, ANY)
def test_a_certain_value_is_gone_whatever_stands_around_it(
    example: Example, before: str, after: str
) -> None:
    treated = REDACTOR.treat(user(f"{before}\n\n{example.text}\n\n{after}"))
    # The surroundings may hold the value's characters by chance only if it is very short.
    assert all(example.value not in message.content for message in treated.messages)


HIDING = [e for e in CERTAIN_VALUES if "\n" not in e.value and e.kind != "spelled out"]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(HIDING), st.data())
def test_invisible_characters_hide_no_certain_value(example: Example, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(example.value) - 1))
    mark = data.draw(st.sampled_from("\u200b\u200d\u2060\ufeff\xad\u200e\u202c"))
    value = example.value[:place] + mark + example.value[place:]
    text = example.text[: example.start] + value + example.text[example.end :]
    treated = REDACTOR.treat(user(text))
    assert any(finding.entity == example.entity for finding in treated.findings)
    assert all(value not in message.content for message in treated.messages)


@pytest.mark.parametrize("text", ["", " ", "\n", "\x00", "\ud800", "\u200b" * 100, "[EMAIL_1]"])
def test_texts_without_values_come_out_as_they_are(text: str) -> None:
    assert REDACTOR.treat(user(text)).messages == user(text)
    assert REDACTOR.treat(()).messages == ()


def test_a_huge_prompt_is_treated_whole() -> None:
    rng = random.Random(0)
    words = " ".join(
        rng.choice(("lorem", "ipsum", "12", "käse", "@x", "key:")) for _ in range(240_000)
    )
    text = f"jo@example.com {words} jo@example.com {words[:1000]} 4111111111111111"
    assert len(text) > 1_000_000
    treated = REDACTOR.treat(user(text))
    assert treated.messages[0].content.startswith("[EMAIL_1] ")
    assert " [EMAIL_1] " in treated.messages[0].content[1000:]
    assert treated.messages[0].content.endswith("[CARD_1]")
