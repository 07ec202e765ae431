"""The endless row of tokens: every document once an epoch, short rows first, no state."""

import itertools

import pytest
import torch
from torch import Tensor

from components.core.config import ConfigError
from components.core.errors import BadInput
from components.pretraining.config import PretrainingConfig
from components.pretraining.rows import TokenStream

CONFIG = PretrainingConfig(
    positions=16, short_tokens=8, batch_tokens=40, steps=20, short_share=0.5, hidden=8, heads=2
)
END = 0


def documents() -> list[list[int]]:
    """Ten documents of 2 to 11 tokens; each one's tokens are its own."""
    return [[*range(100 * n, 100 * n + n), END] for n in range(1, 11)]


def flat(rows: list[Tensor]) -> list[int]:
    return [int(token) for part in rows for token in part.flatten()]


def test_rows_are_short_first_and_never_exceed_the_tokens_of_an_update() -> None:
    stream = TokenStream(documents(), CONFIG)
    shapes = [tuple(stream.rows(step).shape) for step in range(CONFIG.steps)]
    assert shapes == [(5, 8)] * 10 + [(2, 16)] * 10  # 40 // 8 rows; 40 // 16 rows


def test_an_epoch_holds_every_document_once_whole_and_in_an_order_of_its_own() -> None:
    stream = TokenStream(documents(), CONFIG)
    tokens = flat([stream.rows(step) for step in range(CONFIG.steps)])
    size = sum(map(len, documents()))
    assert stream.tokens == size == 65
    epochs = [tokens[at : at + size] for at in range(0, len(tokens) - size + 1, size)]
    assert len(epochs) > 5
    expected = sorted(documents())
    orders = []
    for epoch in epochs:
        read: list[list[int]] = [[]]
        for token in epoch:
            read[-1].append(token)
            if token == END:
                read.append([])
        assert read.pop() == []
        assert sorted(read) == expected
        orders.append(read)
    assert all(one != two for one, two in itertools.pairwise(orders))


def test_an_update_is_a_function_of_seed_and_number() -> None:
    forwards = TokenStream(documents(), CONFIG)
    rows = [forwards.rows(step) for step in range(CONFIG.steps)]
    backwards = TokenStream(documents(), CONFIG)
    for step in reversed(range(CONFIG.steps)):
        assert torch.equal(backwards.rows(step), rows[step])
    other = CONFIG.model_copy(update={"seed": 1})
    assert not torch.equal(TokenStream(documents(), other).rows(0), rows[0])


def test_few_tokens_fill_an_update_several_times() -> None:
    stream = TokenStream([[5, 6, END]], CONFIG)
    assert flat([stream.rows(0)]) == ([5, 6, END] * 14)[:40]


def test_without_documents_there_is_nothing_to_train_on() -> None:
    with pytest.raises(BadInput, match="documents: none with split train"):
        TokenStream([], CONFIG)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 9}, r"pretraining: .*hidden 9 is not a multiple of heads 2"),
        ({"short_tokens": 17}, r"short_tokens 17 must be at most positions 16"),
        ({"batch_tokens": 15}, r"batch_tokens 15 must hold a row of positions 16"),
        ({"vocabulary": 257}, r"pretraining\.vocabulary: got 257"),
    ],
)
def test_sizes_that_do_not_fit_are_named(change: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PretrainingConfig.from_mapping(CONFIG.model_dump() | change, at="pretraining")
