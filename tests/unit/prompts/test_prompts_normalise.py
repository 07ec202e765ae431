"""The normal form, and what a few-shot prompt asks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.records import Message
from components.prompts.text.normal_forms import conversations, normal_forms, word_counts
from components.prompts.text.normalise import conversation, few_shot_query, normalise, words


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


ANY = st.text(alphabet=st.characters(exclude_categories=()), max_size=30)
#: Characters whose form depends on what stands beside them, and what separates and vanishes.
AWKWARD = st.text(
    alphabet="aE \n\t\x00\x1e\x7f\x85\xa0\xad\u200b\u0301\u0327\u0345İıßſςﬁ½…\u1100\u1161\u11a8가"
    "\u09c7\u09be\ufdfa\ufffe\uffff\ud800Å\U0001d400",
    max_size=12,
)


@settings(deadline=None)
@given(st.lists(ANY | AWKWARD, max_size=6))
def test_many_texts_at_once_have_the_same_normal_form(texts: list[str]) -> None:
    one_by_one = [normalise(text) for text in texts]
    assert normal_forms(texts) == one_by_one
    assert word_counts(one_by_one).tolist() == [words(text) for text in one_by_one]


def test_every_character_has_the_same_normal_form_at_once() -> None:
    """Between letters, in planes 0 and 1 and where compatibility characters are."""
    codes = [*range(0x20000), *range(0x2F800, 0x2FA20), *range(0xE0000, 0xE0200)]
    texts = [f"E{chr(code)}b" for code in codes]
    assert normal_forms(texts) == [normalise(text) for text in texts]


def test_conversations_at_once() -> None:
    prompts = [
        (Message("user", " Hi "),),
        (Message("system", "É"), Message("user", "a\n b")),
        (Message("user", "x"), Message("assistant", ""), Message("user", "y")),
    ]
    assert conversations(prompts) == [conversation(prompt) for prompt in prompts]
