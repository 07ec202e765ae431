"""The normal form, and what a few-shot prompt asks."""

from hypothesis import given
from hypothesis import strategies as st

from components.core.records import Message
from components.prompts.normalise import conversation, few_shot_query, normalise, words


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_normal_form_is_idempotent_and_has_no_surplus_space(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


def test_what_a_reader_cannot_see_does_not_count() -> None:
    assert normalise("Ｗrite\u00a0a  po\u200bem\n") == normalise("write a POEM") == "write a poem"
    assert normalise("STRASSE") == normalise("straße")
    assert normalise("e\u0301te\u0301") == normalise("ÉTÉ")


def test_turns_and_roles_are_part_of_a_conversation() -> None:
    one = conversation((Message("user", "a"), Message("assistant", "b"), Message("user", "c")))
    two = conversation((Message("user", "a"), Message("user", "b"), Message("user", "c")))
    assert one != two
    assert conversation((Message("user", " Hi "),)) == "hi"


def test_words_of_scripts_without_spaces() -> None:
    assert words("") == 0
    assert words("write a poem") == 3
    assert words("犬についての詩を書いてください") == 1 + 15 // 2


def test_few_shot_query_is_the_last_example() -> None:
    shots = "Q: dog\nA: animal\nQ: rose\nA: plant\nQ: cat\nA: animal\n"
    query = few_shot_query((Message("user", shots + "Q: oak\nA:"),), "plain")
    assert query == "q: oak a:"
    assert few_shot_query((Message("user", "one\n\ntwo\n\nthe last"),), "few_shot") == "the last"
    assert few_shot_query((Message("user", "Note: write a poem."),), "plain") == ""
