"""Rollouts: sample, score, and turn scores into per-token rewards and advantages.

Legend: B episodes, R response columns (left-aligned, padded on the right), N response tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from components.core.models import ValueModel, response_logits, score
from components.core.objectives import gae, token_logprobs, token_rewards, whiten
from components.core.sampling import Completion, sample
from components.core.tokens import Batch, collate
from components.ppo.config import PPOConfig

Tokens = Sequence[int]


@dataclass(frozen=True)
class Vocabulary:
    """The token ids that PPO has to know."""

    eos_id: int
    pad_id: int


@dataclass(frozen=True)
class Episodes:
    """B prompts with sampled responses and what the models say of them."""

    prompts: list[Tokens]
    responses: list[list[int]]
    #: (B, R) bool; True on response tokens.
    mask: Tensor
    #: (B, R) log p of each token under the policy that drew it, and under the SFT policy.
    logprobs: Tensor
    reference: Tensor
    #: (B,) the reward model's score, and whether the response ended with EOS.
    scores: Tensor
    ended: Tensor

    def kl(self) -> Tensor:
        """(B,) summed log ratio of each response to the SFT policy, in nats."""
        return ((self.logprobs - self.reference) * self.mask).sum(dim=1)


@dataclass(frozen=True)
class Rollout:
    """Episodes with everything that an update needs. All (B, R), 0 on padding."""

    episodes: Episodes
    values: Tensor
    rewards: Tensor
    advantages: Tensor
    returns: Tensor


def by_length(rows: Sequence[tuple[Tokens, Tokens]], size: int) -> Iterator[list[int]]:
    """Row numbers in batches of at most ``size``, rows of like length together."""
    order = sorted(range(len(rows)), key=lambda row: len(rows[row][0]) + len(rows[row][1]))
    for at in range(0, len(order), size):
        yield order[at : at + size]


def response_logprobs(model: PreTrainedModel, batch: Batch, temperature: float) -> Tensor:
    """(N,) log p of the response tokens of a batch, row by row, at the sampling temperature."""
    tokens = batch.input_ids[batch.response_mask]
    return token_logprobs(response_logits(model, batch), tokens, temperature)


def draw(
    policy: PreTrainedModel,
    prompts: Sequence[Tokens],
    config: PPOConfig,
    vocabulary: Vocabulary,
    generator: torch.Generator,
) -> list[Completion]:
    """One completion a prompt, in the prompts' order; prompts of like length share a batch."""
    drawn: dict[int, Completion] = {}
    for rows in by_length([(prompt, ()) for prompt in prompts], config.rollout_batch_size):
        completions = sample(
            policy,
            [prompts[row] for row in rows],
            max_new_tokens=config.max_new_tokens,
            temperature=config.temperature,
            eos_id=vocabulary.eos_id,
            pad_id=vocabulary.pad_id,
            generator=generator,
        )
        drawn.update(zip(rows, completions, strict=True))
    return [drawn[row] for row in range(len(prompts))]


@torch.no_grad()
def assess(
    prompts: Sequence[Tokens],
    completions: Sequence[Completion],
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    reward_model: PreTrainedModel,
    config: PPOConfig,
    vocabulary: Vocabulary,
    value_model: ValueModel | None = None,
) -> tuple[Episodes, Tensor]:
    """Scores, reference log-probabilities and (B, R) values (0 without a value model)."""
    device = policy.device
    rows = [(p, c.tokens) for p, c in zip(prompts, completions, strict=True)]
    lengths = torch.tensor([len(c.tokens) for c in completions], device=device)
    mask = torch.arange(int(lengths.max()), device=device)[None, :] < lengths[:, None]
    own = torch.zeros(mask.shape, device=device)
    own[mask] = torch.tensor([value for c in completions for value in c.logprobs], device=device)
    other, values = torch.zeros_like(own), torch.zeros_like(own)
    scores = torch.zeros(len(rows), device=device)
    for chunk in by_length(rows, config.microbatch_size):
        batch = collate([rows[row] for row in chunk], vocabulary.pad_id).to(device)
        scores[chunk] = score(reward_model, batch)
        _put(other, mask, chunk, response_logprobs(reference, batch, config.temperature))
        if value_model is not None:
            _put(values, mask, chunk, value_model.response_values(batch))
        if config.old_logprobs == "recomputed":
            _put(own, mask, chunk, response_logprobs(policy, batch, config.temperature))
    ended = [completion.tokens[-1] == vocabulary.eos_id for completion in completions]
    episodes = Episodes(
        prompts=list(prompts),
        responses=[completion.tokens for completion in completions],
        mask=mask,
        logprobs=own,
        reference=other,
        scores=scores,
        ended=torch.tensor(ended, device=device),
    )
    return episodes, values


def _put(whole: Tensor, mask: Tensor, rows: list[int], flat: Tensor) -> None:
    """Write the response tokens (N,) of some rows into their places in a (B, R) tensor."""
    part = torch.zeros((len(rows), whole.shape[1]), device=whole.device)
    part[mask[rows]] = flat
    whole[rows] = part


def credit(episodes: Episodes, values: Tensor, config: PPOConfig) -> Rollout:
    """Rewards, advantages and returns of episodes with (B, R) values.

    A response that was cut off loses ``missing_eos_penalty``; then InstructGPT's equation 2, GAE,
    and advantages whitened over all tokens of the rollout.
    """
    mask = episodes.mask
    scores = episodes.scores - config.missing_eos_penalty * (~episodes.ended)
    rewards = token_rewards(
        scores, episodes.logprobs, episodes.reference, mask, config.kl_coefficient
    )
    if config.whiten_rewards:
        rewards = whiten(rewards, mask, shift_mean=False)
    advantages, returns = gae(rewards, values, mask, config.gamma, config.gae_lambda)
    return Rollout(episodes, values, rewards, whiten(advantages, mask), returns)
