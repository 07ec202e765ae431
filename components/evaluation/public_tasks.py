"""Public tasks: what a policy still knows of documents it never saw (the alignment tax).

Two tasks are made of any held-out documents: the loss per token, and a cloze in which a document's
last word has to be told from last words of other documents.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from components.core.models import positions, response_logits
from components.core.statistics import Interval
from components.core.tokens import collate
from components.evaluation.win_rate import Bootstrap

#: A last word with at least four words before it, and the punctuation that may follow it.
_LAST_WORD = re.compile(r"(?s)(?P<context>(?:\S+\s+){3,}\S+)\s+(?P<word>[^\W_]+)\W*")

Row = tuple[list[int], list[int]]


@dataclass(frozen=True, slots=True)
class PublicTasks:
    """One policy's results."""

    #: Nats per token; comparable between policies that share a tokenizer.
    loss: Interval
    #: Comparable between any two policies.
    bits_per_byte: float
    #: Share of cloze items answered rightly.
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class Cloze:
    """Which of the options ends the document?"""

    document: str
    context: str
    options: tuple[str, ...]
    #: Index of the right option.
    answer: int


def cloze_items(documents: Sequence[tuple[str, str]], options: int, seed: int) -> list[Cloze]:
    """Cloze items of (id, text) documents, one a document that has a last word.

    The wrong options are drawn from other documents' last words, all different, weighed by how many
    documents end in them. Fewer than ``options`` different last words give no items.
    """
    found = [(name, match) for name, text in documents if (match := _LAST_WORD.fullmatch(text))]
    words = [match["word"] for _, match in found]
    if len(set(words)) < options:
        return []
    items = []
    for name, match in found:
        random = Random(f"{seed}/cloze/{name}")
        chosen = [match["word"]]
        while len(chosen) < options:
            word = random.choice(words)
            if word not in chosen:
                chosen.append(word)
        random.shuffle(chosen)
        answer = chosen.index(match["word"])
        items.append(Cloze(name, match["context"], tuple(chosen), answer))
    return items


def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    documents: Sequence[tuple[str, str]],
    items: Sequence[Cloze],
    *,
    cloze_tokens: int,
    batch_tokens: int,
    bootstrap: Bootstrap,
) -> PublicTasks:
    """One policy on all documents, (id, text), and cloze items; clusters are documents."""
    losses, bits = document_loss(model, tokenizer, documents, batch_tokens)
    right = cloze_right(model, tokenizer, items, cloze_tokens, batch_tokens)
    return PublicTasks(
        loss=bootstrap.over(losses),
        bits_per_byte=bits,
        accuracy=bootstrap.over(
            {item.document: (float(ok), 1.0) for item, ok in zip(items, right, strict=True)}
        ),
    )


def document_loss(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    documents: Sequence[tuple[str, str]],
    batch_tokens: int,
) -> tuple[dict[str, tuple[float, float]], float]:
    """Document id -> (summed negative log-likelihood in nats, tokens), and bits per byte.

    A document is its text and one EOS. It is read in windows of the model's context; the first
    token of a window is given, all others are predicted.
    """
    width = positions(model)
    rows: list[Row] = []
    owners: list[str] = []
    for name, text in documents:
        ids = [*_encode(tokenizer, text), tokenizer.eos_token_id]
        for start in range(0, len(ids), width):
            window = ids[start : start + width]
            if len(window) > 1:
                rows.append((window[:1], window[1:]))
                owners.append(name)
    totals: dict[str, tuple[float, float]] = {}
    for owner, (_, predicted), loss in zip(
        owners, rows, _losses(model, rows, tokenizer.pad_token_id, batch_tokens), strict=True
    ):
        above, below = totals.get(owner, (0.0, 0.0))
        totals[owner] = (above + loss, below + len(predicted))
    size = sum(len(text.encode()) for _, text in documents)
    nats = sum(above for above, _ in totals.values())
    return totals, nats / math.log(2) / size if size else float("nan")


def cloze_right(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    items: Sequence[Cloze],
    cloze_tokens: int,
    batch_tokens: int,
) -> list[bool]:
    """Whether the right option is the likeliest continuation, for each item.

    An option's likelihood is that of all its tokens; the context is its last ``cloze_tokens``
    tokens, fewer where the model's positions do not hold them and the option.
    """
    width = positions(model)
    rows: list[Row] = []
    for item in items:
        context = _encode(tokenizer, item.context)
        for option in item.options:
            ids = _encode(tokenizer, " " + option)
            shown = min(cloze_tokens, max(1, width - len(ids)))
            rows.append((context[-shown:], ids))
    losses = _losses(model, rows, tokenizer.pad_token_id, batch_tokens)
    right = []
    at = 0
    for item in items:
        mine = losses[at : at + len(item.options)]
        at += len(item.options)
        right.append(mine.index(min(mine)) == item.answer)
    return right


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of text, however long: rows are cut to the model's positions here."""
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


@torch.no_grad()
def _losses(
    model: PreTrainedModel, rows: Sequence[Row], pad_id: int, batch_tokens: int
) -> list[float]:
    """Summed negative log-likelihood of each row's second part, in nats, in the rows' order."""
    losses = [0.0] * len(rows)
    for chosen in _batches([len(given) + len(asked) for given, asked in rows], batch_tokens):
        batch = collate([rows[index] for index in chosen], pad_id).to(model.device)
        targets = batch.input_ids[batch.response_mask]
        each = cross_entropy(response_logits(model, batch).float(), targets, reduction="none")
        lengths = batch.response_mask.sum(dim=1).tolist()
        for index, part in zip(chosen, torch.split(each, lengths), strict=True):
            losses[index] = float(part.double().sum())
    return losses


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Indices of rows of like length, as many as fit into ``batch_tokens`` when padded."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        if batch and (len(batch) + 1) * lengths[index] > batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
