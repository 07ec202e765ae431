"""Texts for many prompts: batches of like length over ``core.sampling``."""

from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from components.core.errors import UserError
from components.core.models import positions
from components.core.sampling import sample
from components.core.tokens import decode_response


def prompt_room(model: PreTrainedModel, max_new_tokens: int) -> int:
    """Longest prompt, in tokens, that leaves room for an answer.

    Raises UserError where the answer alone fills the model's context.
    """
    context = positions(model)
    if max_new_tokens >= context:
        raise UserError(
            f"max_new_tokens: got {max_new_tokens}; expected less than the model's context of "
            f"{context} tokens"
        )
    return context - max_new_tokens


def complete(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float,
    batch_size: int,
    generator: torch.Generator,
    on_batch: Callable[[int], None] | None = None,
) -> list[str]:
    """One answer for each prompt (token ids), in the prompts' order.

    Prompts of like length share a batch. ``on_batch`` is told how many prompts are done. The same
    generator state and batch size give the same answers.
    """
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    texts = [""] * len(prompts)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        completions = sample(
            model,
            [prompts[index] for index in chosen],
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            eos_id=tokenizer.eos_token_id,
            pad_id=tokenizer.pad_token_id,
            generator=generator,
        )
        for index, completion in zip(chosen, completions, strict=True):
            texts[index] = decode_response(tokenizer, completion.tokens)
        if on_batch is not None:
            on_batch(start + len(chosen))
    return texts
