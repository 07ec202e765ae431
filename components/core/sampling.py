"""Sampling completions: a decode loop with a preallocated KV cache.

Why not ``generate``: it copies the cache at each token, keeps finished rows in the batch, returns
whole score tensors, and draws with ``multinomial``, which is slow on CPUs. Here the cache is
allocated once, finished rows leave the batch, one uniform number a row picks the token by inverse
CDF, and the log-probability of the picked token is kept, so that PPO needs no second pass for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer

from components.core.errors import BadInput
from components.core.models import positions as positions_of
from components.core.models import project


@dataclass(frozen=True)
class Completion:
    """A sampled response. ``tokens`` end with EOS unless the response was cut off."""

    tokens: list[int]
    #: log p of each token under the distribution that it was drawn from, in nats.
    logprobs: list[float]


@torch.no_grad()
def sample(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float,
    eos_id: int | None,
    pad_id: int,
    generator: torch.Generator,
) -> list[Completion]:
    """One completion for each prompt, all prompts as one batch.

    Args:
        prompts: token ids; rows of like length waste least.
        temperature: logits are divided by it; 0 takes the likeliest token (log-probabilities are
            then those at temperature 1).
        eos_id: ends a row; None draws ``max_new_tokens`` for every row.
        generator: a CPU generator. Every row draws one number a step, ended or not, so a row's
            draws do not depend on when its neighbours end.

    Raises BadInput where prompt and new tokens exceed the model's positions.
    """
    device = model.device
    count = len(prompts)
    width = max(len(prompt) for prompt in prompts)
    if width + max_new_tokens > positions_of(model):
        raise BadInput(
            f"a prompt of {width} tokens and {max_new_tokens} new ones: the model has "
            f"{positions_of(model)} positions"
        )
    uniforms = torch.rand((max_new_tokens, count), generator=generator, dtype=torch.float32)
    uniforms = uniforms.to(device)
    ids = torch.tensor([[pad_id] * (width - len(p)) + list(p) for p in prompts], device=device)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    # Columns of the whole run are allocated once; the mask grows by showing more of them.
    mask = torch.ones((count, width + max_new_tokens), dtype=torch.int64, device=device)
    mask[:, :width] = torch.arange(width, device=device)[None, :] >= (width - lengths)[:, None]
    positions = (mask[:, :width].cumsum(dim=1) - 1).clamp(min=0)

    training = model.training
    model.eval()
    cache = RowCache(capacity=width + max_new_tokens)
    tokens = torch.full((count, max_new_tokens), pad_id, dtype=torch.int64, device=device)
    logprobs = torch.zeros((count, max_new_tokens), dtype=torch.float32, device=device)
    taken = torch.full((count,), max_new_tokens, dtype=torch.int64, device=device)
    rows = torch.arange(count, device=device)
    full = mask.bool().all().item()
    for step in range(max_new_tokens):
        seen = width + step
        states = model.base_model(
            input_ids=ids,
            attention_mask=None if full and step else mask[:, :seen],
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state[:, -1]
        drawn, logprob = _draw(project(model, states).float(), uniforms[step, rows], temperature)
        tokens[rows, step] = drawn
        logprobs[rows, step] = logprob
        positions = positions[:, -1:] + 1
        if eos_id is not None:
            ended = drawn == eos_id
            if ended.any():
                taken[rows[ended]] = step + 1
                going = (~ended).nonzero().squeeze(1)
                if len(going) == 0:
                    break
                rows, drawn = rows[going], drawn[going]
                positions, mask = positions[going], mask[going]
                cache.batch_select_indices(going)
        ids = drawn[:, None]
    model.train(training)
    return [
        Completion(row[:end], logprob[:end])
        for row, logprob, end in zip(
            tokens.tolist(), logprobs.tolist(), taken.tolist(), strict=True
        )
    ]


def _draw(logits: Tensor, uniforms: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """(B,) token ids and their (B,) log-probabilities from (B, V) float32 logits."""
    if temperature == 0:
        drawn = logits.argmax(dim=1)
        return drawn, logits.log_softmax(dim=1).gather(1, drawn[:, None]).squeeze(1)
    logprobs = (logits / temperature).log_softmax(dim=1)
    cdf = logprobs.exp().cumsum(dim=1)
    # The sum is 1 only up to rounding: scale the draw by it, and never run past the last token.
    drawn = torch.searchsorted(cdf, uniforms[:, None] * cdf[:, -1:], right=True).squeeze(1)
    drawn = drawn.clamp(max=logits.shape[1] - 1)
    return drawn, logprobs.gather(1, drawn[:, None]).squeeze(1)


class RowCache(Cache):  # type: ignore[misc]
    """A KV cache of fixed capacity, allocated at the first write; rows may be dropped."""

    def __init__(self, capacity: int) -> None:
        super().__init__(layer_class_to_replicate=lambda: _RowLayer(capacity))


class _RowLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer in a buffer (B, heads, capacity, head size)."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.length = 0

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            size = (*key_states.shape[:2], self.capacity)
            self._keys = key_states.new_empty((*size, key_states.shape[-1]))
            self._values = value_states.new_empty((*size, value_states.shape[-1]))
        end = self.length + key_states.shape[-2]
        self._keys[:, :, self.length : end] = key_states
        self._values[:, :, self.length : end] = value_states
        self.length = end
        self.keys, self.values = self._keys[:, :, :end], self._values[:, :, :end]
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self.length

    def batch_select_indices(self, indices: Tensor) -> None:
        self._keys, self._values = self._keys[indices], self._values[indices]
