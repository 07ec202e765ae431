"""PPO's update: clipped policy and value losses, pretraining gradients, Adam, moving average.

Legend: B episodes of the rollout, R response columns, N response tokens.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from components.core.models import ValueModel
from components.core.objectives import policy_losses, value_losses
from components.core.parallel import stream
from components.core.schedules import MovingAverage, set_learning_rate, warm_up
from components.core.tokens import collate
from components.ppo.checks import check_first_ratio
from components.ppo.config import PPOConfig
from components.ppo.pretraining_mix import PretrainingMix
from components.ppo.rollout import Rollout, Vocabulary, by_length, response_logprobs


@dataclass
class Learner:
    """What training changes."""

    policy: PreTrainedModel
    value_model: ValueModel
    policy_optimizer: torch.optim.Optimizer
    value_optimizer: torch.optim.Optimizer
    average: MovingAverage
    #: Optimizer steps that the policy took.
    updates: int = 0

    @classmethod
    def new(cls, policy: PreTrainedModel, value_model: ValueModel, config: PPOConfig) -> "Learner":
        """Fresh optimizers; the average starts at the policy. Dropout is off from here on."""
        policy.eval()
        value_model.eval()

        def adam(weights: Sequence[Tensor], rate: float) -> torch.optim.Optimizer:
            return torch.optim.AdamW(
                weights,
                lr=rate,
                betas=config.adam_betas,
                eps=config.adam_epsilon,
                weight_decay=config.weight_decay,
                fused=True,
            )

        return cls(
            policy=policy,
            value_model=value_model,
            policy_optimizer=adam(list(policy.parameters()), config.learning_rate),
            value_optimizer=adam(list(value_model.parameters()), config.value_learning_rate),
            average=MovingAverage(policy.parameters(), config.ema_decay),
        )


@dataclass
class Figures:
    """Means over the updates of an iteration."""

    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    updates: int = 0

    def means(self) -> dict[str, float]:
        """Each figure, averaged over updates."""
        return {name: total / self.updates for name, total in self.sums.items()}


def update(
    learner: Learner,
    rollout: Rollout,
    iteration: int,
    config: PPOConfig,
    vocabulary: Vocabulary,
    mix: PretrainingMix | None,
) -> dict[str, float]:
    """``epochs`` passes over a rollout in random minibatches. Returns figures, averaged."""
    rate = warm_up(iteration, config.warmup_iterations, config.warmup_start)
    set_learning_rate(learner.policy_optimizer, rate * config.learning_rate)
    set_learning_rate(learner.value_optimizer, rate * config.value_learning_rate)
    figures = Figures()
    for epoch in range(config.epochs):
        generator = stream(config.seed, "ppo", "minibatches", iteration, epoch)
        order = torch.randperm(config.batch_size, generator=generator)
        for number, minibatch in enumerate(torch.split(order, config.minibatch_size)):
            first = epoch == 0 and number == 0
            # One optimizer step for the PPO gradient and the pretraining gradient together: they
            # are computed one after the other and accumulated (Ouyang et al. 2022, C.4).
            _ppo_gradients(
                learner,
                rollout,
                minibatch.tolist(),
                iteration if first else None,
                config,
                vocabulary,
                figures,
            )
            if mix is not None:
                examples = mix.rows(learner.updates)
                figures.sums["ptx_loss"] += ptx_gradients(
                    learner.policy, examples, config, vocabulary
                )
            _step(learner, config, figures)
    return figures.means()


def _ppo_gradients(
    learner: Learner,
    rollout: Rollout,
    rows: list[int],
    check_iteration: int | None,
    config: PPOConfig,
    vocabulary: Vocabulary,
    figures: Figures,
) -> None:
    """Accumulate the gradients of one minibatch; losses are means over all of its tokens.

    ``check_iteration``: the iteration's number where ratios have to be 1 still, else None.
    """
    episodes = rollout.episodes
    device = rollout.values.device
    tokens = int(episodes.mask[rows].sum())
    pairs = [(episodes.prompts[row], episodes.responses[row]) for row in rows]
    for places in by_length(pairs, config.microbatch_size):
        chunk = [rows[place] for place in places]
        batch = collate([pairs[place] for place in places], vocabulary.pad_id).to(device)
        mask = episodes.mask[chunk]
        old_logprobs, old_values = episodes.logprobs[chunk][mask], rollout.values[chunk][mask]
        advantages, returns = rollout.advantages[chunk][mask], rollout.returns[chunk][mask]

        logprobs = response_logprobs(learner.policy, batch, config.temperature)
        log_ratio = (logprobs - old_logprobs).detach()
        if check_iteration is not None:
            check_first_ratio(log_ratio.exp(), check_iteration, config)
        losses, clipped = policy_losses(logprobs, old_logprobs, advantages, config.clip)
        policy_loss = losses.sum() / tokens
        policy_loss.backward()  # type: ignore[no-untyped-call]

        values = learner.value_model.response_values(batch)
        losses, value_clipped = value_losses(values, old_values, returns, config.value_clip)
        value_loss = losses.sum() / tokens
        value_loss.backward()  # type: ignore[no-untyped-call]

        figures.sums["policy_loss"] += float(policy_loss.detach())
        figures.sums["value_loss"] += float(value_loss.detach())
        figures.sums["clip_fraction"] += float(clipped.sum()) / tokens
        figures.sums["value_clip_fraction"] += float(value_clipped.sum()) / tokens
        # Schulman's nonnegative estimator of KL(old || new).
        figures.sums["update_kl"] += float((torch.expm1(log_ratio) - log_ratio).sum()) / tokens


def ptx_gradients(
    policy: PreTrainedModel,
    examples: Sequence[list[int]],
    config: PPOConfig,
    vocabulary: Vocabulary,
) -> float:
    """Accumulate ``ptx_coefficient`` times the gradient of the pretraining loss; returns the loss.

    The loss is -log p of each example's tokens but the first: a mean over all tokens, or a sum over
    an example's tokens and mean over examples (``ptx_normalisation``). Temperature 1.
    """
    pairs = [(ids[:1], ids[1:]) for ids in examples]
    if config.ptx_normalisation == "token":
        count = sum(len(ids) - 1 for ids in examples)
    else:
        count = len(examples)
    total = 0.0
    for places in by_length(pairs, config.microbatch_size):
        batch = collate([pairs[place] for place in places], vocabulary.pad_id).to(policy.device)
        loss = -response_logprobs(policy, batch, temperature=1.0).sum() / count
        (config.ptx_coefficient * loss).backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    return total


def _step(learner: Learner, config: PPOConfig, figures: Figures) -> None:
    """Clip, step both optimizers, move the average."""
    for name, model, optimizer in (
        ("policy", learner.policy, learner.policy_optimizer),
        ("value", learner.value_model, learner.value_optimizer),
    ):
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
        figures.sums[f"{name}_gradient_norm"] += float(norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    learner.average.update(list(learner.policy.parameters()))
    learner.updates += 1
    figures.updates += 1
