"""The tokenizer: any text comes back; conversations look as the chat template writes them."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import BadInput
from components.core.records import Message
from components.core.tokens import encode_prompt, encode_response, load_tokenizer
from components.pretraining.tokenizer import (
    EOS,
    encode_documents,
    encode_enough,
    train_tokenizer,
)

TEXTS = ["the fig is red. the fig is at the lake.", "Human: a fig?\nAssistant: the fig is red."]
TOKENIZER = train_tokenizer(TEXTS, vocabulary=300, positions=32)
ID = TOKENIZER.eos_token_id
TURN = st.from_regex(r"[a-z][a-z ,]{0,20}[a-z.?]", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_any_text_comes_back_and_its_only_eos_is_the_last(text: str) -> None:
    (ids,) = encode_documents(TOKENIZER, [text.replace("Assistant: ", "")])
    assert (ids[-1], ids.count(ID)) == (ID, 1)
    assert TOKENIZER.decode(ids[:-1]) == text.replace("Assistant: ", "")


def test_an_end_that_is_spelled_out_is_text() -> None:
    (ids,) = encode_documents(TOKENIZER, [f"a fig{EOS}a pear<|pad|>"])
    assert ids.count(ID) == 1
    assert TOKENIZER.pad_token_id not in ids


@settings(max_examples=100, deadline=None)
@given(st.lists(TURN, min_size=2, max_size=6).map(lambda turns: turns[: len(turns) // 2 * 2]))
def test_a_transcript_is_tokenized_as_the_chat_template_writes_it(turns: list[str]) -> None:
    """So what pretraining reads is what tuning and sampling will show the model."""
    lines = [
        f"{'Human' if place % 2 == 0 else 'Assistant'}: {turn}" for place, turn in enumerate(turns)
    ]
    (ids,) = encode_documents(TOKENIZER, ["\n".join(lines)])
    messages = [
        Message("user" if place % 2 == 0 else "assistant", turn) for place, turn in enumerate(turns)
    ]
    shown = encode_prompt(TOKENIZER, messages[:-1]) + encode_response(TOKENIZER, turns[-1])
    # Whether an earlier turn ends with an EOS of its own is a choice; the words are the same.
    assert [token for token in ids if token != ID] == [token for token in shown if token != ID]
    assert ids[-1] == shown[-1] == ID


@pytest.mark.parametrize(
    "text",
    ["no Assistant: here\nat all", "Assistant: first line, nothing before", "a\0b", "\nAssistant:"],
)
def test_what_is_no_assistants_turn_does_not_end(text: str) -> None:
    (ids,) = encode_documents(TOKENIZER, [text])
    assert ids.count(ID) == 1
    assert TOKENIZER.decode(ids[:-1]) == text


def test_documents_are_encoded_each_for_itself() -> None:
    assert encode_documents(TOKENIZER, []) == []
    both = encode_documents(TOKENIZER, TEXTS)
    assert both == [encode_documents(TOKENIZER, [text])[0] for text in TEXTS]


def test_it_has_the_size_and_the_limit_that_were_asked_for() -> None:
    large = train_tokenizer([" ".join(f"word{n} and" for n in range(400))], 400, 64)
    assert len(large) == 400
    assert large.model_max_length == 64
    # Few texts hold few pairs: never more than was asked for, never less than the bytes.
    assert 258 < len(TOKENIZER) <= 300
    assert "Ġfig" in TOKENIZER.get_vocab()  # a word that comes often is one token


def test_it_is_a_function_of_its_texts() -> None:
    assert train_tokenizer(TEXTS, 300, 32).get_vocab() == TOKENIZER.get_vocab()


@pytest.mark.parametrize("texts", [[], ["a"], ["", " "]])
def test_texts_that_are_none_are_named(texts: list[str]) -> None:
    with pytest.raises(BadInput, match="documents: no two characters come together twice"):
        train_tokenizer(texts, 300, 32)


def test_it_comes_back_from_a_folder(tmp_path: Path) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.chat_template == TOKENIZER.chat_template
    assert (loaded.eos_token, loaded.pad_token) == (EOS, "<|pad|>")
    assert encode_documents(loaded, TEXTS) == encode_documents(TOKENIZER, TEXTS)


def test_of_a_large_corpus_as_much_is_encoded_as_is_read() -> None:
    texts = [f"fig number {number} is red." for number in range(2000)]
    whole = encode_documents(TOKENIZER, texts)

    def enough(tokens: int, seed: int = 0) -> list[list[int]]:
        return encode_enough(TOKENIZER, texts, tokens, torch.Generator().manual_seed(seed))

    some = enough(1000)
    assert 1000 <= sum(map(len, some)) < sum(map(len, whole)) / 2
    places = [whole.index(ids) for ids in some]
    assert places == sorted(set(places))
    # From everywhere: a corpus often comes in the order of its sources.
    assert min(places) < 200 < 1800 < max(places)
    assert some == enough(1000)
    assert some != enough(1000, seed=1)
    assert enough(10**9) == whole


def test_merges_are_learned_from_all_over_a_large_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["aaaa " * 20] * 50 + ["zzzz " * 20] * 50
    whole = train_tokenizer(texts, 262, 32)
    monkeypatch.setattr("components.pretraining.tokenizer.SAMPLE", 2500)
    assert train_tokenizer(texts, 262, 32).get_vocab() == whole.get_vocab()
    assert "zzzz" in whole.get_vocab() or "zz" in whole.get_vocab()
