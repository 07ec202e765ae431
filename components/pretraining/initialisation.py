"""A start from which a narrow model learns to copy from its context at once.

A GPT-2 of two layers learns to copy what it has read (induction) only after millions of tokens, and
some seeds never do. Two changes of the initial weights, none of the architecture, bring that down
to a few hundred thousand:

- Positions start as sinusoids, so that "the token before" is the same rotation everywhere.
- In each layer the value and the output projection start as each other's transpose, both
  orthogonal: what a head attends to is passed on as it is, and since embeddings are tied, attending
  to a word already makes it likelier. After Trockman & Kolter (2023), "Mimetic initialization of
  self-attention layers", who found such products in trained language models.
"""

import math

import torch
from torch import Tensor
from transformers import PreTrainedModel

#: Wavelengths run from 2 pi to about this many times that; most of them tell neighbours apart.
_SPREAD = 20.0


@torch.no_grad()
def start_copying(model: PreTrainedModel, std: float, generator: torch.Generator) -> None:
    """Set positions, value and output projections of a new GPT-2; everything else stays.

    Args:
        std: standard deviation of the position embeddings, that of the token embeddings.
        generator: draws the orthogonal matrices.
    """
    trunk = model.transformer
    positions: Tensor = trunk.wpe.weight
    positions.copy_(std * math.sqrt(2.0) * sinusoids(*positions.shape))
    for block in trunk.h:
        hidden = block.attn.c_proj.weight.shape[0]
        rotation = torch.linalg.qr(torch.randn((hidden, hidden), generator=generator))[0]
        # Conv1D keeps its weight as (in, out): queries, keys and values side by side.
        block.attn.c_attn.weight[:, 2 * hidden :] = rotation
        block.attn.c_proj.weight.copy_(rotation.T)


def sinusoids(count: int, size: int) -> Tensor:
    """(count, size) rows of sin(t w_i), cos(t w_i), with w_i from 1 down to 1/20 geometrically."""
    half = size // 2
    rates = torch.exp(-math.log(_SPREAD) * torch.arange(half) / half)
    angles = torch.arange(count)[:, None] * rates
    waves = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
    return torch.nn.functional.pad(waves, (0, size - 2 * half))
