"""Scores of all outputs of some prompts, each output once through the model.

Packed, a prompt and its K outputs are one row, ``prompt y1 y2 ... yK``: an output sees the prompt
and itself (a 4D mask) and counts its positions from the prompt's end, so it gets the score that it
has in a row of its own, and the prompt's tokens are computed once instead of K times.

Legend: B prompts, T tokens of the longest packed row, M outputs of all prompts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from components.core.errors import UserError
from components.core.models import hidden_states, score, score_states
from components.core.tokens import collate
from components.reward_model.comparisons import Comparison


@dataclass(frozen=True)
class Packed:
    """Packed rows of B prompts."""

    #: (B, T) int64.
    input_ids: Tensor
    #: (B, T) int64.
    position_ids: Tensor
    #: (B, 1, T, T) bool; True where row token q may look at token k.
    visible: Tensor
    #: (M,) int64 each: row and column of every output's last token.
    rows: Tensor
    ends: Tensor


def pack(comparisons: Sequence[Comparison], pad_id: int) -> Packed:
    """Lay each prompt and its outputs into one row."""
    width = max(comparison.packed_tokens for comparison in comparisons)
    ids, places, owners, rows, ends = [], [], [], [], []
    for row, comparison in enumerate(comparisons):
        start = len(comparison.prompt)
        line = list(comparison.prompt)
        place = list(range(start))
        owner = [0] * start  # 0 is the prompt, 1 to K the outputs
        for number, response in enumerate(comparison.responses, start=1):
            line += response
            place += range(start, start + len(response))
            owner += [number] * len(response)
            rows.append(row)
            ends.append(len(line) - 1)
        spare = width - len(line)
        ids.append(line + [pad_id] * spare)
        places.append(place + [0] * spare)
        owners.append(owner + [-1] * spare)
    owned = torch.tensor(owners)
    query, key = owned[:, :, None], owned[:, None, :]
    causal = torch.ones((width, width), dtype=torch.bool).tril()
    return Packed(
        input_ids=torch.tensor(ids),
        position_ids=torch.tensor(places),
        visible=(((key == 0) | (key == query)) & causal)[:, None],
        rows=torch.tensor(rows),
        ends=torch.tensor(ends),
    )


def score_comparisons(
    model: PreTrainedModel, comparisons: Sequence[Comparison], pad_id: int, packed: bool
) -> list[Tensor]:
    """For each comparison the (K,) float32 scores of its outputs, with their graph."""
    device = model.device
    if packed:
        batch = pack(comparisons, pad_id)
        hide = torch.zeros(batch.visible.shape, dtype=model.dtype)
        hide.masked_fill_(~batch.visible, torch.finfo(model.dtype).min)
        states = hidden_states(
            model, batch.input_ids.to(device), hide.to(device), batch.position_ids.to(device)
        )
        scores = score_states(model, states[batch.rows.to(device), batch.ends.to(device)])
    else:
        pairs = [(c.prompt, response) for c in comparisons for response in c.responses]
        scores = score(model, collate(pairs, pad_id).to(device))
    return list(torch.split(scores, [len(comparison.responses) for comparison in comparisons]))


def microbatches(
    comparisons: Sequence[Comparison], tokens: int, packed: bool
) -> Iterator[list[Comparison]]:
    """Cut a batch, in order, so that no part holds more than ``tokens`` padded tokens.

    A comparison that is larger on its own stays whole: all its pairs are one element.
    """
    part: list[Comparison] = []
    rows, width = 0, 0
    for comparison in comparisons:
        if packed:
            more, long = 1, comparison.packed_tokens
        else:
            more = len(comparison.responses)
            long = len(comparison.prompt) + max(len(r) for r in comparison.responses)
        if part and (rows + more) * max(width, long) > tokens:
            yield part
            part, rows, width = [], 0, 0
        part.append(comparison)
        rows, width = rows + more, max(width, long)
    if part:
        yield part


@torch.no_grad()
def check_packing(model: PreTrainedModel, comparisons: Sequence[Comparison], pad_id: int) -> None:
    """Stop where packed scores differ from plain ones: the architecture ignores 4D masks."""
    few = min(comparisons, key=lambda comparison: comparison.packed_tokens)
    (one,) = score_comparisons(model, [few], pad_id, packed=True)
    (other,) = score_comparisons(model, [few], pad_id, packed=False)
    if not torch.allclose(one, other, atol=1e-2, rtol=1e-2):
        raise UserError(
            f"{type(model).__name__} scores packed outputs differently (by "
            f"{float((one - other).abs().max()):.3g}); set reward_model.pack_outputs=false"
        )
