"""K-wise training of a reward model (Ouyang et al. 2022, §3.5 "Reward modeling", equation 1).

Left out of the published recipe: nothing known. Added: packing of a prompt's outputs, gradient
clipping. Dropout is off, as a reward's noise would be.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from components.core.errors import UserError
from components.core.models import score, set_reward_bias
from components.core.objectives import ranked_pairs, ranking_loss
from components.core.parallel import stream
from components.core.schedules import cosine, set_learning_rate
from components.core.statistics import Interval, cluster_bootstrap
from components.core.tokens import bucketed_batches, collate
from components.core.training_state import (
    CheckpointStore,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from components.reward_model.comparisons import Comparison
from components.reward_model.config import RewardModelConfig
from components.reward_model.scoring import check_packing, microbatches, score_comparisons

#: Resamples of an accuracy's interval (own value).
RESAMPLES = 2000
#: Demonstrations that are scored at a time: bounds memory, never the result but for rounding.
CENTRE_BATCH = 64

#: Told after each step: steps done, steps in all, the step's figures.
Report = Callable[[int, int, dict[str, float]], None]


@dataclass
class TrainingHistory:
    """Figures of every step."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)


def train_reward_model(
    model: PreTrainedModel,
    comparisons: Sequence[Comparison],
    config: RewardModelConfig,
    *,
    pad_id: int,
    report: Report | None = None,
    checkpoints: CheckpointStore | None = None,
) -> TrainingHistory:
    """Train in place; resumes from the newest checkpoint of ``checkpoints``.

    Raises UserError where there is nothing to train on, or the loss is not finite.
    """
    if not comparisons:
        raise UserError("rankings: no train ranking has two outputs of different rank")
    model.eval()
    if config.pack_outputs:
        check_packing(model, comparisons, pad_id)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=config.adam_betas,
        eps=config.adam_epsilon,
        weight_decay=config.weight_decay,
        fused=True,
    )
    lengths = [comparison.packed_tokens for comparison in comparisons]
    epoch_steps = math.ceil(len(comparisons) / config.batch_size)
    total = epoch_steps * config.epochs
    history = TrainingHistory()
    start = _resume(checkpoints, model, optimizer, history)

    for epoch in range(start // epoch_steps, config.epochs):
        # 1. Every ranking once an epoch; rankings of like length together (less padding).
        batches = bucketed_batches(
            lengths, config.batch_size, stream(config.seed, "reward_model", "order", epoch)
        )
        for step, indices in enumerate(batches, start=epoch * epoch_steps):
            if step < start:
                continue
            set_learning_rate(
                optimizer,
                config.learning_rate * cosine(step, total, config.final_learning_rate),
            )
            loss, right, pairs = _step(
                model, optimizer, [comparisons[index] for index in indices], config, pad_id
            )
            if not math.isfinite(loss):
                raise UserError(
                    f"reward model: the loss is {loss} at step {step}; lower "
                    f"reward_model.learning_rate (now {config.learning_rate})"
                )
            history.loss.append(loss)
            history.accuracy.append(right / pairs)
            done = step + 1
            if report is not None:
                report(done, total, {"loss": loss, "train_accuracy": right / pairs})
            every = config.checkpoint_every
            if checkpoints is not None and every and done % every == 0 and done < total:
                checkpoints.save(
                    done,
                    module_state("model", model) | optimizer_state("optimizer", optimizer),
                    {"loss": history.loss, "accuracy": history.accuracy},
                )
    return history


def _step(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    batch: list[Comparison],
    config: RewardModelConfig,
    pad_id: int,
) -> tuple[float, float, int]:
    """One update; returns the batch's loss, its rightly ordered pairs and its decided pairs."""
    loss_sum, right_sum, pairs_sum = 0.0, 0.0, 0
    for part in microbatches(batch, config.microbatch_tokens, config.pack_outputs):
        # 2. Each output once through the model.
        scores = score_comparisons(model, part, pad_id, config.pack_outputs)
        # 3. All pairs of a prompt are one element, weighted 1/C(K,2); the batch's loss is the mean
        #    over its elements, whatever the split into micro-batches.
        losses = []
        for values, comparison in zip(scores, part, strict=True):
            ranks = torch.tensor(comparison.ranks, device=values.device)
            losses.append(ranking_loss(values, ranks))
            right, pairs = ranked_pairs(values.detach(), ranks)
            right_sum, pairs_sum = right_sum + right, pairs_sum + pairs
        loss = torch.stack(losses).sum() / len(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        loss_sum += float(loss.detach())
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss_sum, right_sum, pairs_sum


def _resume(
    checkpoints: CheckpointStore | None,
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    history: TrainingHistory,
) -> int:
    """Load the newest checkpoint; the number of steps that are done."""
    saved = checkpoints.newest() if checkpoints is not None else None
    if saved is None:
        return 0
    load_module("model", model, saved.tensors)
    load_optimizer("optimizer", optimizer, saved.tensors)
    history.loss += saved.meta["loss"]
    history.accuracy += saved.meta["accuracy"]
    return saved.step


@torch.no_grad()
def centre(
    model: PreTrainedModel,
    demonstrations: Sequence[tuple[list[int], list[int]]],
    *,
    pad_id: int,
) -> float:
    """Set the bias so that demonstrations (prompt ids, response ids) score 0 on average.

    A ranking loss leaves the reward's offset free; the paper fixes it this way before RL. Returns
    the bias. Raises UserError where there is no demonstration.
    """
    if not demonstrations:
        raise UserError("demonstrations: none fits the reward model; the reward's zero is unknown")
    set_reward_bias(model, 0.0)
    rows = sorted(demonstrations, key=lambda row: len(row[0]) + len(row[1]))
    total = 0.0
    for at in range(0, len(rows), CENTRE_BATCH):
        batch = collate(rows[at : at + CENTRE_BATCH], pad_id).to(model.device)
        total += float(score(model, batch).double().sum())
    bias = -total / len(rows)
    set_reward_bias(model, bias)
    return bias


@dataclass(frozen=True)
class PairAccuracy:
    """Share of decided pairs that a model orders as the labeler did."""

    #: 95%, by bootstrap over prompts: pairs of one prompt are not independent. ``n`` is prompts.
    share: Interval
    pairs: int


@torch.no_grad()
def pair_accuracy(
    model: PreTrainedModel,
    comparisons: Sequence[Comparison],
    config: RewardModelConfig,
    *,
    pad_id: int,
) -> PairAccuracy:
    """The model's accuracy on all comparisons; NaN where they hold no decided pair."""
    right_of: dict[str, float] = {}
    pairs_of: dict[str, int] = {}
    ordered = sorted(comparisons, key=lambda comparison: comparison.packed_tokens)
    for part in microbatches(ordered, config.microbatch_tokens, config.pack_outputs):
        for values, comparison in zip(
            score_comparisons(model, part, pad_id, config.pack_outputs), part, strict=True
        ):
            ranks = torch.tensor(comparison.ranks, device=values.device)
            right, pairs = ranked_pairs(values, ranks)
            prompt = comparison.prompt_id
            right_of[prompt] = right_of.get(prompt, 0.0) + right
            pairs_of[prompt] = pairs_of.get(prompt, 0) + pairs
    prompts = sorted(pairs_of)
    share = cluster_bootstrap(
        [right_of[prompt] for prompt in prompts],
        [pairs_of[prompt] for prompt in prompts],
        resamples=RESAMPLES,
        seed=config.seed,
    )
    return PairAccuracy(share, sum(pairs_of.values()))
