"""Documents as one endless row of tokens, cut into the rows of each update."""

from collections.abc import Sequence

import torch
from torch import Tensor

from components.core.errors import BadInput
from components.core.parallel import stream
from components.pretraining.config import PretrainingConfig


class TokenStream:
    """All documents in seeded random order, epoch after epoch, each with EOS behind it.

    What an update sees is a function of the seed and its number, so a resumed run needs no state.
    """

    def __init__(self, documents: Sequence[Sequence[int]], config: PretrainingConfig) -> None:
        """``documents``: token ids, EOS at the end of each. Raises BadInput where there is none."""
        if not documents:
            raise BadInput("documents: none with split train; expected at least one")
        self._documents = [torch.tensor(ids, dtype=torch.int64) for ids in documents]
        self._config = config
        self.tokens = sum(len(ids) for ids in documents)
        self._epoch, self._flat = -1, torch.empty(0, dtype=torch.int64)

    def rows(self, step: int) -> Tensor:
        """(rows, length) int64 ids of an update, counted from 0."""
        length = self._config.row_tokens(step)
        count = self._config.batch_tokens // length
        start, end = self._place(step), self._place(step) + count * length
        parts = []
        while start < end:
            epoch, offset = divmod(start, self.tokens)
            part = self._shuffled(epoch)[offset : offset + end - start]
            parts.append(part)
            start += len(part)
        return torch.cat(parts).view(count, length)

    def _place(self, step: int) -> int:
        """How many tokens the updates before this one took."""
        config = self._config

        def taken(length: int) -> int:
            return config.batch_tokens // length * length

        short = min(step, config.short_steps)
        return short * taken(config.short_tokens) + (step - short) * taken(config.positions)

    def _shuffled(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = stream(self._config.seed, "pretraining", "order", epoch)
            order = torch.randperm(len(self._documents), generator=generator).tolist()
            self._flat = torch.cat([self._documents[index] for index in order])
            self._epoch = epoch
        return self._flat
