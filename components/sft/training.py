"""Supervised tuning: cosine to 10%, residual dropout, several epochs, the best one is kept.

Differs from the paper in how that one is chosen: by loss on held-out demonstrations, because the
reward model that chooses in the paper is trained after this stage.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from components.core.errors import UserError
from components.core.models import response_logits
from components.core.objectives import token_logprobs
from components.core.parallel import stream
from components.core.schedules import cosine, set_learning_rate
from components.core.tokens import bucketed_batches, collate
from components.core.training_state import (
    CheckpointStore,
    list_state,
    load_list,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from components.sft.config import SftConfig
from components.sft.rows import Row, Rows

#: Told after each update: updates done, updates in all, the figures that are new.
Report = Callable[[int, int, dict[str, float]], None]

#: Last parts of the names of dropouts on the residual branches, in Hugging Face's models.
_RESIDUAL = ("resid_dropout", "mlp.dropout", "resid_attn_dropout", "resid_mlp_dropout")


@dataclass
class SftHistory:
    """Losses in nats a token: of every update, and on validation before and after every epoch."""

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """Epochs behind the weights that were kept; 0 is the base model."""
        after = self.validation[1:]
        return 1 + min(range(len(after)), key=after.__getitem__)


def set_residual_dropout(model: nn.Module, rate: float) -> None:
    """Set the dropout on the residual branches. Raises UserError where a model has none."""
    found = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Dropout) and name.endswith(_RESIDUAL)
    ]
    if not found and rate > 0:
        raise UserError(
            f"{type(model).__name__} has no residual dropout; set sft.residual_dropout to 0"
        )
    for module in found:
        module.p = rate


def train_sft(
    model: PreTrainedModel,
    rows: Rows,
    config: SftConfig,
    *,
    pad_id: int,
    report: Report | None = None,
    checkpoints: CheckpointStore | None = None,
) -> SftHistory:
    """Train in place; the model ends in evaluation mode with the weights that validated best.

    Resumes from the newest checkpoint. Raises UserError where the loss is not finite.
    """
    set_residual_dropout(model, config.residual_dropout)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=config.adam_betas,
        eps=config.adam_epsilon,
        weight_decay=config.weight_decay,
        fused=True,
    )
    lengths = [len(prompt) + len(response) for prompt, response in rows.train]
    epoch_updates = math.ceil(len(rows.train) / config.batch_size)
    total = epoch_updates * config.epochs
    weights = list(model.parameters())
    history = SftHistory()
    best = [weight.detach().clone() for weight in weights]
    start = 0
    saved = checkpoints.newest() if checkpoints is not None else None
    if saved is not None:
        load_module("model", model, saved.tensors)
        load_optimizer("optimizer", optimizer, saved.tensors)
        load_list("best", best, saved.tensors)
        history = SftHistory(list(saved.meta["loss"]), list(saved.meta["validation"]))
        start = saved.step
    else:
        history.validation.append(response_loss(model, rows.validation, config, pad_id))

    for epoch in range(start // epoch_updates, config.epochs):
        # 1. Every demonstration once an epoch; those of like length together (less padding).
        generator = stream(config.seed, "sft", "order", epoch)
        batches = bucketed_batches(lengths, config.batch_size, generator)
        for update, indices in enumerate(batches, start=epoch * epoch_updates):
            if update < start:
                continue
            rate = cosine(update, total, config.final_learning_rate)
            set_learning_rate(optimizer, config.learning_rate * rate)
            # 2. The batch, and its share of pretraining documents.
            batch = [rows.train[index] for index in indices]
            batch += _mix(rows.documents, len(indices), config, update)
            loss = _update(model, optimizer, batch, config, pad_id, update)
            if not math.isfinite(loss):
                raise UserError(
                    f"sft: the loss is {loss} at update {update}; lower sft.learning_rate "
                    f"(now {config.learning_rate})"
                )
            history.loss.append(loss)
            done = update + 1
            figures = {"loss": loss}
            # 3. After an epoch: validate, and keep the weights if no epoch's were better.
            if done % epoch_updates == 0:
                figures["validation_loss"] = response_loss(model, rows.validation, config, pad_id)
                history.validation.append(figures["validation_loss"])
                if history.best_epoch == epoch + 1:
                    best = [weight.detach().clone() for weight in weights]
            if report is not None:
                report(done, total, figures)
            every = config.checkpoint_every
            if checkpoints is not None and every and done % every == 0 and done < total:
                state = module_state("model", model) | optimizer_state("optimizer", optimizer)
                checkpoints.save(done, state | list_state("best", best), vars(history))
    load_list("best", weights, list_state("best", best))
    model.eval()
    return history


def _mix(documents: Sequence[Row], rows: int, config: SftConfig, update: int) -> list[Row]:
    """The documents of an update: a function of the seed and the update's number."""
    count = round(config.pretraining_mix * rows)
    if not count or not documents:
        return []
    generator = stream(config.seed, "sft", "mix", update)
    drawn = torch.randint(len(documents), (count,), generator=generator)
    return [documents[index] for index in drawn.tolist()]


def _update(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    batch: Sequence[Row],
    config: SftConfig,
    pad_id: int,
    update: int,
) -> float:
    """One update on the mean loss over all learned tokens of the batch; returns that loss."""
    tokens = sum(len(response) for _, response in batch)
    total = 0.0
    model.train()
    with _dropout_seed(config.seed, update):
        for at in range(0, len(batch), config.microbatch_size):
            losses = _losses(model, batch[at : at + config.microbatch_size], pad_id)
            loss = losses.sum() / tokens
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def _losses(model: PreTrainedModel, batch: Sequence[Row], pad_id: int) -> Tensor:
    """(N,) losses of the learned tokens."""
    rows = collate(batch, pad_id).to(model.device)
    return -token_logprobs(response_logits(model, rows), rows.input_ids[rows.response_mask])


@contextmanager
def _dropout_seed(seed: int, update: int) -> Iterator[None]:
    """Dropout's draws depend on the seed and the update only; the global stream stays untouched."""
    generator = stream(seed, "sft", "dropout", update)
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
        yield


@torch.no_grad()
def response_loss(
    model: PreTrainedModel, rows: Sequence[Row], config: SftConfig, pad_id: int
) -> float:
    """Mean loss in nats a learned token, without dropout."""
    training = model.training
    model.eval()
    ordered = sorted(rows, key=lambda row: len(row[0]) + len(row[1]))
    total = sum(
        float(_losses(model, ordered[at : at + config.microbatch_size], pad_id).double().sum())
        for at in range(0, len(ordered), config.microbatch_size)
    )
    model.train(training)
    return total / sum(len(response) for _, response in rows)
