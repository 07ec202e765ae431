"""PPO-ptx from the first rollout to the averaged weights (Ouyang et al. 2022, §3.5, equation 2).

Differences from the paper, where it is silent: gradient clipping, a penalty for responses without
EOS, run-time checks. Dropout is off everywhere, so that old and new log-probabilities are of one
policy. Left out: nothing known.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel

from components.core.errors import UserError
from components.core.models import ValueModel, positions
from components.core.objectives import kl_nonnegative, masked_mean
from components.core.parallel import stream
from components.core.training_state import (
    CheckpointStore,
    list_state,
    load_list,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from components.ppo.checks import check_finite, check_kl, check_positions, check_updates
from components.ppo.config import PPOConfig
from components.ppo.pretraining_mix import PretrainingMix
from components.ppo.rollout import Episodes, Rollout, Tokens, Vocabulary, assess, credit, draw
from components.ppo.update import Learner, update

#: Told after each iteration: iterations done, iterations in all, the iteration's figures.
Report = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True)
class SampleSet:
    """Responses of the averaged policy to the fixed prompts, after ``iteration`` iterations."""

    iteration: int
    responses: list[list[int]]
    #: One a prompt: the reward model's score, and the summed log ratio to the SFT policy (nats).
    rewards: list[float]
    kls: list[float]


@dataclass
class PPOResult:
    """What training leaves besides the policy, which then holds the averaged weights."""

    #: Figures of each iteration, one list a figure.
    history: dict[str, list[float]] = field(default_factory=dict)
    samples: list[SampleSet] = field(default_factory=list)
    updates: int = 0


def train_ppo(
    policy: PreTrainedModel,
    reward_model: PreTrainedModel,
    prompts: Sequence[Tokens],
    config: PPOConfig,
    vocabulary: Vocabulary,
    *,
    mix: PretrainingMix | None = None,
    sample_prompts: Sequence[Tokens] = (),
    report: Report | None = None,
    checkpoints: CheckpointStore | None = None,
) -> PPOResult:
    """Train ``policy`` (the SFT policy) in place; it ends with the averaged weights.

    Args:
        reward_model: frozen here; the value model starts as a copy of it.
        mix: pretraining examples; needed unless ``ptx_coefficient`` is 0.
        sample_prompts: prompts that are sampled as training goes on, never trained on.
        checkpoints: where to resume from and to save to.

    Raises:
        WrongRun: a run-time check failed.
        UserError: no prompts, or prompts that are too long.
        ValueError: ``ptx_coefficient`` without a mix.
    """
    if config.ptx_coefficient > 0 and mix is None:
        raise ValueError("ptx_coefficient > 0 needs a pretraining mix")
    if not prompts:
        raise UserError("ppo: no prompt to train on; expected at least one")
    longest = max(len(prompt) for prompt in [*prompts, *sample_prompts])
    check_positions(longest, positions(policy), config)

    # 1. Four models: the policy, the frozen SFT policy, the frozen RM, the value function (from
    #    the RM).
    reference = copy.deepcopy(policy).eval().requires_grad_(False)
    value_model = ValueModel(copy.deepcopy(reward_model).requires_grad_(True)).to(policy.device)
    reward_model.eval().requires_grad_(False)
    learner = Learner.new(policy, value_model, config)
    result = PPOResult()
    start = _resume(checkpoints, learner, result)

    def draw_samples(iteration: int) -> None:
        if sample_prompts:
            learner.average.swap(list(policy.parameters()))
            result.samples.append(
                _sample_set(
                    iteration, sample_prompts, policy, reference, reward_model, config, vocabulary
                )
            )
            learner.average.swap(list(policy.parameters()))

    if start == 0:
        draw_samples(0)
    for iteration in range(start, config.iterations):
        # 2. One response to each prompt of the batch, from the current policy.
        batch = [
            prompts[index]
            for index in prompt_indices(len(prompts), iteration, config.batch_size, config.seed)
        ]
        completions = draw(
            policy, batch, config, vocabulary, stream(config.seed, "ppo", "rollout", iteration)
        )
        # 3. Score r(x, y), log pi_SFT and V(s_t).
        episodes, values = assess(
            batch, completions, policy, reference, reward_model, config, vocabulary, value_model
        )
        # 4. Reward = r(x, y) at the end - beta log(pi_RL / pi_SFT) at each token; GAE; whitening.
        rollout = credit(episodes, values, config)
        # 5. Minibatch updates with pretraining gradients; moving average of the weights.
        figures = update(
            learner, rollout, iteration, config, vocabulary, mix if config.ptx_coefficient else None
        )
        # 6. Figures, checks, samples, checkpoint.
        done = iteration + 1
        figures = _episode_figures(episodes, rollout) | figures
        check_finite(figures, iteration)
        check_updates(learner.updates, done, config)
        for name, value in figures.items():
            result.history.setdefault(name, []).append(value)
        check_kl(result.history["kl"], config)
        if done % config.sample_every == 0 or done == config.iterations:
            draw_samples(done)
        if report is not None:
            report(done, config.iterations, figures)
        every = config.checkpoint_every
        if checkpoints is not None and every and done % every == 0 and done < config.iterations:
            _save(checkpoints, done, learner, result)

    # 7. The published policy is the moving average.
    learner.average.swap(list(policy.parameters()))
    result.updates = learner.updates
    return result


def prompt_indices(count: int, iteration: int, batch_size: int, seed: int) -> list[int]:
    """Which of ``count`` prompts an iteration uses: in random order, all before any comes again."""
    places = range(iteration * batch_size, (iteration + 1) * batch_size)
    orders: dict[int, list[int]] = {}
    for epoch in range(places[0] // count, places[-1] // count + 1):
        generator = stream(seed, "ppo", "prompts", epoch)
        orders[epoch] = torch.randperm(count, generator=generator).tolist()
    return [orders[place // count][place % count] for place in places]


def _sample_set(
    iteration: int,
    prompts: Sequence[Tokens],
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    reward_model: PreTrainedModel,
    config: PPOConfig,
    vocabulary: Vocabulary,
) -> SampleSet:
    # The same stream at every iteration: sets differ by the policy, not by luck.
    completions = draw(policy, prompts, config, vocabulary, stream(config.seed, "ppo", "samples"))
    episodes, _ = assess(prompts, completions, policy, reference, reward_model, config, vocabulary)
    return SampleSet(
        iteration, episodes.responses, episodes.scores.tolist(), episodes.kl().tolist()
    )


def _episode_figures(episodes: Episodes, rollout: Rollout) -> dict[str, float]:
    mask = episodes.mask
    returns, values = rollout.returns[mask], rollout.values[mask]
    spread = float(returns.var(unbiased=False))
    return {
        "reward": float(episodes.scores.mean()),
        "kl": float(episodes.kl().mean()),
        "token_kl": float(masked_mean(kl_nonnegative(episodes.logprobs, episodes.reference), mask)),
        "return": float(rollout.rewards.sum(dim=1).mean()),
        "entropy": -float(masked_mean(episodes.logprobs, mask)),
        "response_tokens": float(mask.sum(dim=1).float().mean()),
        "ended": float(episodes.ended.float().mean()),
        "value_error": float(((returns - values) ** 2).mean()),
        "explained_variance": 1 - float((returns - values).var(unbiased=False)) / max(spread, 1e-8),
    }


def _save(checkpoints: CheckpointStore, done: int, learner: Learner, result: PPOResult) -> None:
    tensors = (
        module_state("policy", learner.policy)
        | module_state("value", learner.value_model)
        | optimizer_state("policy_optimizer", learner.policy_optimizer)
        | optimizer_state("value_optimizer", learner.value_optimizer)
        | list_state("average", learner.average.weights)
    )
    meta: dict[str, Any] = {
        "updates": learner.updates,
        "history": result.history,
        "samples": [vars(samples) for samples in result.samples],
    }
    checkpoints.save(done, tensors, meta)


def _resume(checkpoints: CheckpointStore | None, learner: Learner, result: PPOResult) -> int:
    """Load the newest checkpoint; the number of iterations that are done."""
    saved = checkpoints.newest() if checkpoints is not None else None
    if saved is None:
        return 0
    load_module("policy", learner.policy, saved.tensors)
    load_module("value", learner.value_model, saved.tensors)
    load_optimizer("policy_optimizer", learner.policy_optimizer, saved.tensors)
    load_optimizer("value_optimizer", learner.value_optimizer, saved.tensors)
    load_list("average", learner.average.weights, saved.tensors)
    learner.updates = saved.meta["updates"]
    result.history = {name: list(values) for name, values in saved.meta["history"].items()}
    result.samples = [SampleSet(**samples) for samples in saved.meta["samples"]]
    return saved.step
