"""Run-time checks that stop a wrong run instead of letting it finish."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from components.core.errors import UserError
from components.ppo.config import PPOConfig

#: Iterations in a row that the KL may look negative by chance.
PATIENCE = 5


class WrongRun(UserError):
    """Training computes something else than PPO; the message names the figure and its bound."""


def check_first_ratio(ratio: Tensor, iteration: int, config: PPOConfig) -> None:
    """Importance ratios (N,) of an iteration's first minibatch are 1: nothing was updated yet."""
    worst = float((ratio.detach() - 1.0).abs().max())
    # "not <=" is also true of NaN.
    if not worst <= config.ratio_tolerance:
        raise WrongRun(
            f"ppo: iteration {iteration}: an importance ratio of the first minibatch is "
            f"{worst:.3g} away from 1 (ratio_tolerance {config.ratio_tolerance}); the sampler and "
            "the update disagree about log-probabilities. In low precision set "
            "ppo.old_logprobs=recomputed"
        )


def check_updates(taken: int, iterations: int, config: PPOConfig) -> None:
    """The policy took epochs x minibatches optimizer steps an iteration."""
    expected = iterations * config.epochs * config.minibatches
    if taken != expected:
        raise WrongRun(
            f"ppo: {taken} optimizer steps after {iterations} iterations, not {expected}"
        )


def check_finite(figures: Mapping[str, float], iteration: int) -> None:
    """No figure of an iteration is NaN or infinite."""
    for name, value in figures.items():
        if not math.isfinite(value):
            raise WrongRun(
                f"ppo: iteration {iteration}: {name} is {value}; lower ppo.learning_rate or "
                "ppo.ptx_coefficient"
            )


def check_kl(kl: Sequence[float], config: PPOConfig) -> None:
    """The mean KL of the last iterations (nats an episode) is not plainly negative."""
    recent = kl[-PATIENCE:]
    if len(recent) == PATIENCE and max(recent) < -config.negative_kl_limit:
        raise WrongRun(
            f"ppo: the mean KL to the SFT policy was below {-config.negative_kl_limit} nats for "
            f"{PATIENCE} iterations ({recent[-1]:.3g} now); a KL is never negative: the sampled "
            "tokens do not follow the policy that scores them"
        )


def check_positions(longest_prompt: int, positions: int, config: PPOConfig) -> None:
    """Prompt and response fit the model."""
    if longest_prompt + config.max_new_tokens > positions:
        raise UserError(
            f"ppo: a prompt of {longest_prompt} tokens and max_new_tokens {config.max_new_tokens} "
            f"exceed the model's {positions} positions"
        )
