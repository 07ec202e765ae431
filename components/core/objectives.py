"""The mathematics of preference training, as pure functions.

Legend: B rows (episodes), R response columns, N response tokens, V vocabulary, K outputs. Masks are
True on real tokens. Per-token losses come back unreduced: the caller divides the sum by the token
count of the whole batch, so that a split into micro-batches does not change the gradient.

Sources: Ouyang et al. 2022 (InstructGPT), Schulman et al. 2016 (GAE), Schulman et al. 2017 (PPO).
"""

import torch
from torch import Tensor
from torch.nn import functional


def token_logprobs(logits: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """(N,) log p of tokens (N,) under logits (N, V) / temperature, in nats, always in float32.

    A temperature of 0 (greedy sampling) is read as 1, as the sampler does.
    """
    scaled = logits.float()
    if temperature not in (0.0, 1.0):
        scaled = scaled / temperature
    return -functional.cross_entropy(scaled, tokens, reduction="none")


def kl_penalty(logprobs: Tensor, reference: Tensor) -> Tensor:
    """log(p / q) of each token (...), in nats, from log p and log q of the same shape.

    Unbiased for KL(p || q) in the mean over tokens drawn from p, but of either sign.
    """
    return logprobs - reference


def kl_nonnegative(logprobs: Tensor, reference: Tensor) -> Tensor:
    """r - 1 - log r (...), in nats, with r = q / p: same mean, less noise, never negative.

    Source: Schulman 2020, "Approximating KL divergence", estimator k3.
    """
    log_ratio = reference - logprobs
    return torch.expm1(log_ratio) - log_ratio


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Scalar mean of values (...) where mask (...) is True; NaN where it is True nowhere."""
    return (values * mask).sum() / mask.sum()


def whiten(values: Tensor, mask: Tensor, shift_mean: bool = True) -> Tensor:
    """Values (...) at unit variance over all real tokens; 0 where the mask is False.

    ``shift_mean`` also brings the mean to 0: right for advantages. Rewards keep their mean, because
    shifting them would pay or charge for every token that is written.
    """
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean) ** 2, mask)
    white = (values - mean) * torch.rsqrt(variance + 1e-8)
    return (white if shift_mean else white + mean) * mask


def token_rewards(
    scores: Tensor, logprobs: Tensor, reference: Tensor, mask: Tensor, kl_coefficient: float
) -> Tensor:
    """(B, R) rewards: -beta log(p / q) at each token, and the score at the last real one.

    InstructGPT equation 2, its RL part: the bandit's one reward stands at the end of the response
    (at EOS, or at the last token of one that was cut off), the KL penalty at every token.
    """
    rewards = -kl_coefficient * kl_penalty(logprobs, reference) * mask
    last = mask.sum(dim=1) - 1
    rows = torch.arange(len(scores), device=scores.device)
    rewards[rows, last] += scores
    return rewards


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation over rows that end at their last real token.

    A_t = sum over l of (gamma lam)^l delta_(t+l), delta_t = r_t + gamma V_(t+1) - V_t, with V = 0
    behind the last token (Schulman et al. 2016, equation 16).

    Args:
        rewards, values: (B, R); ``values[:, t]`` is V of the state in which token t was chosen.
        mask: (B, R); real tokens stand in front.

    Returns:
        (B, R) advantages and (B, R) returns (advantage + value); both 0 on padding.
    """
    rewards, values = rewards * mask, values * mask
    advantages = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[:, 0])
    following = torch.zeros_like(running)
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * following - values[:, t]
        running = (delta + gamma * lam * running) * mask[:, t]
        advantages[:, t] = running
        following = values[:, t]
    return advantages, advantages + values


def policy_losses(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """PPO's clipped surrogate for each token, and which tokens were clipped.

    All arguments (N,). Returns (N,) max(-A r, -A clip(r, 1 - clip, 1 + clip)) with
    r = p / p_old, and an (N,) bool. Source: Schulman et al. 2017, equation 7.
    """
    ratio = (logprobs - old_logprobs).exp()
    plain = -advantages * ratio
    bounded = -advantages * ratio.clamp(1.0 - clip, 1.0 + clip)
    return torch.maximum(plain, bounded), bounded > plain


def value_losses(
    values: Tensor, old_values: Tensor, returns: Tensor, clip: float | None
) -> tuple[Tensor, Tensor]:
    """Half the squared error of each value, the worse of plain and clipped, and which were clipped.

    All tensors (N,), and both results. With a clip a value gains nothing by moving further than
    that from its old one; None turns it off. Not of the paper: as in OpenAI's
    lm-human-preferences.
    """
    plain = (values - returns) ** 2
    if clip is None:
        return 0.5 * plain, torch.zeros_like(plain, dtype=torch.bool)
    near = old_values + (values - old_values).clamp(-clip, clip)
    bounded = (near - returns) ** 2
    return 0.5 * torch.maximum(plain, bounded), bounded > plain


def ranking_loss(scores: Tensor, ranks: Tensor) -> Tensor:
    """Scalar loss of one prompt: -1/C(K,2) * sum of log sigmoid(r_w - r_l) over its decided pairs.

    Args:
        scores: (K,) rewards of the K outputs.
        ranks: (K,) 1 is best; pairs of equal rank are dropped (InstructGPT §3.5, equation 1). The
            weight stays 1/C(K,2): a ranking with many ties says less.
    """
    count = len(scores)
    margins = scores[:, None] - scores[None, :]
    wins = ranks[:, None] < ranks[None, :]
    return -functional.logsigmoid(margins[wins]).sum() / (count * (count - 1) / 2)


def ranked_pairs(scores: Tensor, ranks: Tensor) -> tuple[float, int]:
    """How many decided pairs of one prompt the scores (K,) order as the ranks (K,) do; of how many.

    Equal scores count one half.
    """
    wins = ranks[:, None] < ranks[None, :]
    margins = (scores[:, None] - scores[None, :])[wins]
    right = (margins > 0).sum() + 0.5 * (margins == 0).sum()
    return float(right), int(wins.sum())
