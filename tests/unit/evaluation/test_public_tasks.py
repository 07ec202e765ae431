"""Held-out loss and cloze against a naive computation."""

import math

import pytest
import torch
from small_models import small_policy, small_tokenizer

from components.evaluation.public_tasks import Cloze, cloze_items, cloze_right, document_loss

DOCUMENTS = [
    ("d1", "the fig is in the red box."),
    ("d2", "tom went to the park with a pear"),
    ("d3", "ann took the old bag to the shop!"),
    ("d4", "all of us like to eat a fig"),
    ("d5", "short one"),
]


def naive(model, ids):  # type: ignore[no-untyped-def]
    """Negative log-likelihood of all tokens but the first, one row, no padding."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return -sum(float(logits[at, token]) for at, token in enumerate(ids[1:]))


def test_loss_is_that_of_single_rows_and_of_windows() -> None:
    tokenizer = small_tokenizer()
    model = small_policy(vocab_size=len(tokenizer), positions=16)
    totals, bits = document_loss(model, tokenizer, DOCUMENTS, batch_tokens=64)
    for name, text in DOCUMENTS:
        ids = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
        windows = [ids[start : start + 16] for start in range(0, len(ids), 16)]
        assert totals[name][0] == pytest.approx(sum(naive(model, w) for w in windows), rel=1e-5)
        assert totals[name][1] == len(ids) - len(windows)
    assert len(tokenizer(DOCUMENTS[1][1])["input_ids"]) > 16
    nats = sum(total for total, _ in totals.values())
    assert bits == pytest.approx(nats / math.log(2) / sum(len(t) for _, t in DOCUMENTS))


def test_loss_does_not_depend_on_batches() -> None:
    tokenizer = small_tokenizer()
    model = small_policy(vocab_size=len(tokenizer))
    one, _ = document_loss(model, tokenizer, DOCUMENTS, batch_tokens=1)
    many, _ = document_loss(model, tokenizer, DOCUMENTS, batch_tokens=10_000)
    for name in one:
        assert one[name] == pytest.approx(many[name], rel=1e-5)


def test_cloze_items_are_last_words_among_other_documents_last_words() -> None:
    items = cloze_items(DOCUMENTS, options=3, seed=0)
    assert [item.document for item in items] == ["d1", "d2", "d3", "d4"]
    assert items[0].context == "the fig is in the red"
    assert [item.options[item.answer] for item in items] == ["box", "pear", "shop", "fig"]
    for item in items:
        assert len(set(item.options)) == 3
        assert set(item.options) <= {"box", "pear", "shop", "fig"}
    assert items == cloze_items(DOCUMENTS, options=3, seed=0)
    assert cloze_items(DOCUMENTS, options=5, seed=0) == []


def test_cloze_picks_the_likeliest_option() -> None:
    tokenizer = small_tokenizer()
    model = small_policy(vocab_size=len(tokenizer), positions=24)
    options = ("fig", "pear", "box")
    context = "the very long story of a man who had a"
    start = tokenizer(context)["input_ids"]
    costs = []
    for option in options:
        ids = tokenizer(" " + option)["input_ids"]
        kept = start[-(24 - len(ids)) :]
        costs.append(naive(model, kept + ids) - naive(model, kept))
    best = costs.index(min(costs))
    for answer in range(3):
        item = Cloze("d", context, options, answer)
        assert cloze_right(model, tokenizer, [item], 1000, 100) == [answer == best]


def test_a_cloze_shows_the_end_of_a_long_document() -> None:
    tokenizer = small_tokenizer()
    model = small_policy(vocab_size=len(tokenizer), positions=64)
    options = ("fig", "pear", "box")
    context = "ann took the old bag to the shop and then had a red"
    end = tokenizer.decode(tokenizer(context)["input_ids"][-4:])
    for answer in range(3):
        whole, short = (Cloze("d", text, options, answer) for text in (context, end))
        shown = cloze_right(model, tokenizer, [whole], 4, 100)
        assert shown == cloze_right(model, tokenizer, [short], 1000, 100)
