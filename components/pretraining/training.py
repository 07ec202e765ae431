"""Pretraining: next-token prediction on rows of running text.

Left out of GPT-3's recipe: batch size warm-up, alternating sparse attention. Added: a first part on
short rows, after which a small model copies from context reliably.
"""

import contextlib
import math
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from components.core.errors import UserError
from components.core.models import response_logits
from components.core.objectives import token_logprobs
from components.core.schedules import cosine, set_learning_rate, warm_up
from components.core.tokens import collate
from components.core.training_state import (
    CheckpointStore,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from components.pretraining.config import PretrainingConfig
from components.pretraining.rows import TokenStream

#: Told after each update: updates done, updates in all, the loss in nats a token.
Report = Callable[[int, int, float], None]


def learning_rate(config: PretrainingConfig, step: int) -> float:
    """The learning rate of an update: linear warm-up, and a cosine over all updates."""
    warm = round(config.warmup_share * config.steps)
    rise = warm_up(step + 1, warm, 0.0) if warm else 1.0
    return config.learning_rate * rise * cosine(step, config.steps, config.final_learning_rate)


def train_language_model(
    model: PreTrainedModel,
    documents: Sequence[Sequence[int]],
    config: PretrainingConfig,
    *,
    report: Report | None = None,
    checkpoints: CheckpointStore | None = None,
) -> list[float]:
    """Train in place on documents (token ids, EOS at the end); the loss of every update.

    Resumes from the newest checkpoint. Raises UserError where the loss is not finite.
    """
    rows = TokenStream(documents, config)
    # Biases and norms are vectors, and are not decayed.
    weights = list(model.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [w for w in weights if w.dim() > 1], "weight_decay": config.weight_decay},
            {"params": [w for w in weights if w.dim() <= 1], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=config.adam_betas,
        eps=config.adam_epsilon,
        fused=True,
    )
    losses: list[float] = []
    saved = checkpoints.newest() if checkpoints is not None else None
    if saved is not None:
        load_module("model", model, saved.tensors)
        load_optimizer("optimizer", optimizer, saved.tensors)
        losses += saved.meta["loss"]
    model.train()
    low = config.precision == "bfloat16"
    for step in range(saved.step if saved else 0, config.steps):
        set_learning_rate(optimizer, learning_rate(config, step))
        ids = rows.rows(step).to(model.device)
        with torch.autocast(ids.device.type, torch.bfloat16) if low else contextlib.nullcontext():
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        loss = functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UserError(
                f"pretraining: the loss is {value} at update {step}; lower "
                f"pretraining.learning_rate (now {config.learning_rate})"
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, config.max_gradient_norm)
        optimizer.step()
        losses.append(value)
        done = step + 1
        if report is not None:
            report(done, config.steps, value)
        every = config.checkpoint_every
        if checkpoints is not None and every and done % every == 0 and done < config.steps:
            state = module_state("model", model) | optimizer_state("optimizer", optimizer)
            checkpoints.save(done, state, {"loss": losses})
    model.eval()
    return losses


@torch.no_grad()
def document_loss(
    model: PreTrainedModel, documents: Sequence[Sequence[int]], limit: int, batch_size: int = 64
) -> float:
    """Mean loss in nats a token over documents, each on its own, cut at ``limit`` tokens.

    The first token of a document is not predicted. NaN where there is nothing to predict.
    """
    rows = [list(ids[:limit]) for ids in documents if len(ids) > 1]
    rows.sort(key=len)
    total, count = 0.0, 0
    for at in range(0, len(rows), batch_size):
        # Everything behind the first token is a "response". Padding needs an id: any will do.
        batch = collate([(row[:1], row[1:]) for row in rows[at : at + batch_size]], 0)
        batch = batch.to(model.device)
        tokens = batch.input_ids[batch.response_mask]
        total -= float(token_logprobs(response_logits(model, batch), tokens).double().sum())
        count += len(tokens)
    return total / count if count else math.nan
