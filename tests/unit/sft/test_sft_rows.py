"""What is read of demonstrations and documents, and what of it is learned."""

import pytest
from small_models import small_tokenizer

from components.core.errors import BadInput
from components.core.records import Demonstration, Document, Message
from components.core.tokens import encode_prompt, encode_response
from components.sft.rows import Rows, build_rows

TOKENIZER = small_tokenizer()
EOS = TOKENIZER.eos_token_id


def demonstration(number: int, text: str = "a fig", ask: str = "Name a fruit") -> Demonstration:
    return Demonstration(f"d{number}", "l0", (Message("user", f"{ask} {number}."),), text)


def rows(
    demonstrations: list[Demonstration],
    documents: list[Document] | None = None,
    limit: int = 64,
    fraction: float = 0.1,
    seed: int = 0,
) -> Rows:
    return build_rows(
        TOKENIZER,
        demonstrations,
        documents or [],
        limit=limit,
        validation_fraction=fraction,
        seed=seed,
    )


def test_a_row_is_the_prompt_and_the_answer_with_its_eos() -> None:
    dialogue = Demonstration(
        "d",
        "l",
        (Message("user", "Hi."), Message("assistant", "Yes?"), Message("user", "A fruit.")),
        "a pear",
    )
    built = rows([dialogue, demonstration(1)], limit=200)
    prompt, response = next(
        row for row in built.train + built.validation if "Yes?" in TOKENIZER.decode(row[0])
    )
    assert prompt == encode_prompt(TOKENIZER, dialogue.messages)
    assert TOKENIZER.decode(prompt).endswith("A fruit.\nAssistant:")
    assert TOKENIZER.decode(response) == " a pear<|endoftext|>"
    assert response == encode_response(TOKENIZER, "a pear")


def test_every_demonstration_is_trained_on_held_out_or_counted() -> None:
    short = [demonstration(n) for n in range(20)]
    long = [demonstration(n, "a pear and a fig " * 20) for n in range(20, 23)]
    built = rows(short + long, fraction=0.25)
    assert (len(built.train), len(built.validation), built.too_long) == (15, 5, 3)
    whole = [tuple(map(tuple, row)) for row in built.train + built.validation]
    assert len(set(whole)) == 20


def test_the_limit_is_of_prompt_and_answer_together() -> None:
    one = demonstration(1)
    size = len(encode_prompt(TOKENIZER, one.messages)) + len(
        encode_response(TOKENIZER, one.completion)
    )
    assert rows([one, demonstration(2)], limit=size).too_long == 0
    with pytest.raises(BadInput, match=rf"demonstrations: 0 within {size - 1} tokens \(2 are"):
        rows([one, demonstration(2)], limit=size - 1)


def test_validation_is_drawn_by_seed_and_never_empty_nor_all() -> None:
    many = [demonstration(n) for n in range(40)]
    assert rows(many).validation == rows(many).validation
    assert rows(many).validation != rows(many, seed=1).validation
    for fraction in (0.001, 0.999):
        built = rows(many[:3], fraction=fraction)
        assert built.validation
        assert built.train


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_demonstrations_are_named(count: int) -> None:
    with pytest.raises(BadInput, match=f"demonstrations: {count} within 64 tokens.*at least two"):
        rows([demonstration(n) for n in range(count)])


def test_of_a_document_all_is_learned_but_its_first_token() -> None:
    documents = [
        Document("a", "a pear and a fig", "train"),
        Document("b", "a fig", "test"),
        Document("c", "a fig", "validation"),
        Document("d", "a pear " * 40, "train"),
        Document("e", "an end <|endoftext|> in a text", "train"),
    ]
    built = rows([demonstration(1), demonstration(2)], documents)
    first, long, spelled = built.documents
    assert len(first[0]) == 1
    assert TOKENIZER.decode(first[0] + first[1]) == "a pear and a fig<|endoftext|>"
    # Cut at the limit: there is no end that the document does not have there.
    assert len(long[0] + long[1]) == 64
    assert EOS not in long[1]
    assert (spelled[1].count(EOS), spelled[1][-1]) == (1, EOS)
