"""Rows of supervised tuning: what is read, and what is learned of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import torch
from transformers import PreTrainedTokenizerBase

from components.core.errors import BadInput
from components.core.parallel import stream
from components.core.records import Demonstration, Document
from components.core.tokens import encode_prompt, encode_response

#: (what gets no loss, what is learned), token ids.
Row = tuple[list[int], list[int]]


class DocumentRows(Sequence[Row]):
    """Documents as rows, encoded when they are asked for: a mix reads few of a large corpus."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], limit: int
    ) -> None:
        self._tokenizer, self._texts, self._limit = tokenizer, texts, limit

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "DocumentRows": ...
    def __getitem__(self, index: int | slice) -> "Row | DocumentRows":
        if isinstance(index, slice):
            return DocumentRows(self._tokenizer, self._texts[index], self._limit)
        ids = self._tokenizer(
            self._texts[index], add_special_tokens=False, split_special_tokens=True, verbose=False
        )["input_ids"]
        whole = [*ids, self._tokenizer.eos_token_id]
        return whole[:1], whole[1 : self._limit]


@dataclass(frozen=True)
class Rows:
    """Demonstrations, apart by what they are for, and documents to mix in."""

    train: list[Row]
    validation: list[Row]
    documents: Sequence[Row]
    too_long: int


def build_rows(
    tokenizer: PreTrainedTokenizerBase,
    demonstrations: Iterable[Demonstration],
    documents: Iterable[Document],
    *,
    limit: int,
    validation_fraction: float,
    seed: int,
) -> Rows:
    """Encode everything; the validation demonstrations are drawn by seed.

    A demonstration's prompt gets no loss, its completion and the EOS behind it do; of a document
    everything does but its first token. Demonstrations over ``limit`` tokens are counted and left
    out, documents are cut. Raises BadInput where fewer than two demonstrations are left.
    """
    rows: list[Row] = []
    too_long = 0
    for demonstration in demonstrations:
        prompt = encode_prompt(tokenizer, demonstration.messages)
        response = encode_response(tokenizer, demonstration.completion)
        if len(prompt) + len(response) > limit:
            too_long += 1
        else:
            rows.append((prompt, response))
    if len(rows) < 2:
        raise BadInput(
            f"demonstrations: {len(rows)} within {limit} tokens ({too_long} are longer); expected "
            "at least two, one to train on and one to validate with"
        )
    order = torch.randperm(len(rows), generator=stream(seed, "sft", "validation")).tolist()
    count = min(max(1, round(validation_fraction * len(rows))), len(rows) - 1)
    held = set(order[:count])
    return Rows(
        train=[row for index, row in enumerate(rows) if index not in held],
        validation=[row for index, row in enumerate(rows) if index in held],
        documents=DocumentRows(
            tokenizer, [d.text for d in documents if d.split == "train" and d.text], limit
        ),
        too_long=too_long,
    )
