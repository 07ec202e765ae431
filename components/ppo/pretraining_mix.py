"""The pretraining examples of PPO-ptx: which documents, and which part of them, an update sees."""

from collections.abc import Callable

import torch

from components.core.errors import UserError
from components.core.parallel import stream


class PretrainingMix:
    """Documents in seeded random order, epoch after epoch; a long one gives a random window.

    What an update sees is a function of the seed and the update's number, so a resumed run needs
    no state. Documents are encoded when they are drawn: a run sees few of them.
    """

    def __init__(
        self,
        documents: int,
        encode: Callable[[int], list[int]],
        *,
        rows: int,
        max_tokens: int,
        seed: int,
    ) -> None:
        """``encode`` gives the token ids of document number i of ``documents``.

        Raises UserError where there is no document.
        """
        if documents == 0:
            raise UserError(
                "pretraining: no train document; give some, or set ptx_coefficient to 0"
            )
        self._documents, self._encode = documents, encode
        self._rows, self._max_tokens, self._seed = rows, max_tokens, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def rows(self, update: int) -> list[list[int]]:
        """The examples of an update (counted from 0): token ids, two at least in each."""
        chance = stream(self._seed, "ppo", "ptx", update)
        examples = []
        for place in range(update * self._rows, (update + 1) * self._rows):
            ids = self._encode(self._document(place))
            spare = len(ids) - self._max_tokens
            if spare > 0:
                at = int(torch.randint(spare + 1, (1,), generator=chance))
                ids = ids[at : at + self._max_tokens]
            if len(ids) >= 2:
                examples.append(ids)
        return examples

    def _document(self, place: int) -> int:
        epoch, index = divmod(place, self._documents)
        if epoch != self._epoch:
            generator = stream(self._seed, "ppo", "ptx", "order", epoch)
            self._epoch = epoch
            self._order = torch.randperm(self._documents, generator=generator)
        return int(self._order[index])
