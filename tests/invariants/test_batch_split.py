"""The same batch in other micro-batches, or with more padding, gives the same gradient."""

import copy

import pytest
import torch
from small_models import EOS, PAD, random_rows, small_policy, small_reward_model

from components.core.models import ValueModel
from components.ppo.config import PPOConfig
from components.ppo.pretraining_mix import PretrainingMix
from components.ppo.rollout import Vocabulary, assess, credit, draw
from components.ppo.update import Learner, update
from components.reward_model.comparisons import Comparison
from components.reward_model.config import RewardModelConfig
from components.reward_model.training import train_reward_model

#: Plain SGD at rate 1 would do; with Adam a tiny gradient error flips a whole step, so gradients
#: themselves are compared.
CLOSE = {"atol": 2e-5, "rtol": 2e-4}


def gradients_of(optimizer, into):
    def step():
        into.append([weight.grad.clone() for weight in optimizer.param_groups[0]["params"]])

    return step


def ppo_gradients(folder, microbatch_size, extra_padding=0):
    config = PPOConfig(
        batch_size=16, minibatch_size=16, max_new_tokens=8, microbatch_size=microbatch_size,
        ptx_coefficient=2.0, ptx_examples_per_episode=0.5, max_gradient_norm=1e9,
    )  # fmt: skip
    vocabulary = Vocabulary(EOS, PAD)
    policy, reward_model = small_policy(0), small_reward_model(folder, seed=3)
    learner = Learner.new(policy, ValueModel(copy.deepcopy(reward_model)), config)
    # Responses of very different length: a mean of means would differ from the global mean.
    prompts = random_rows(16, 2, 14)
    completions = draw(policy, prompts, config, vocabulary, torch.Generator().manual_seed(0))
    episodes, values = assess(
        prompts, completions, policy, small_policy(1), reward_model, config, vocabulary,
        learner.value_model,
    )  # fmt: skip
    rollout = credit(episodes, values, config)
    rows = random_rows(8, 2, 30)
    mix = PretrainingMix(8, lambda i: rows[i], rows=8, max_tokens=64, seed=0)
    policy_gradients, value_gradients = [], []
    learner.policy_optimizer.step = gradients_of(learner.policy_optimizer, policy_gradients)
    learner.value_optimizer.step = gradients_of(learner.value_optimizer, value_gradients)
    update(learner, rollout, 0, config, vocabulary, mix)
    return policy_gradients[0], value_gradients[0]


@pytest.mark.parametrize("size", [1, 3, 8])
def test_detail_14_ppo_gradients_do_not_depend_on_the_split(tmp_path, size):
    whole = ppo_gradients(tmp_path / "whole", 16)
    torch.testing.assert_close(ppo_gradients(tmp_path / "split", size), whole, **CLOSE)


def comparisons():
    made = []
    for number, prompt in enumerate(random_rows(12, 3, 9)):
        responses = [[*row, EOS] for row in random_rows(4 + number % 6, 1, 9, seed=number)]
        ranks = [1 + at % 3 for at in range(len(responses))]
        made.append(Comparison(f"p{number}", prompt, responses, ranks))
    return made


@pytest.mark.parametrize(("tokens", "packed"), [(10**6, False), (60, True), (60, False)])
def test_detail_14_reward_gradients_do_not_depend_on_split_or_packing(
    tmp_path, tokens, packed, monkeypatch
):
    found = []

    def gradients(folder, **changes):
        model = small_reward_model(folder)
        config = RewardModelConfig(batch_size=12, max_gradient_norm=1e9, **changes)
        seen = []
        monkeypatch.setattr(
            torch.optim.AdamW,
            "step",
            lambda self, closure=None: gradients_of(self, seen)(),
        )
        train_reward_model(model, comparisons(), config, pad_id=PAD)
        (only,) = seen
        found.append(only)

    gradients(tmp_path / "a", microbatch_tokens=10**6, pack_outputs=True)
    gradients(tmp_path / "b", microbatch_tokens=tokens, pack_outputs=packed)
    torch.testing.assert_close(found[1], found[0], **CLOSE)


def test_pad_id_changes_nothing(tmp_path):
    histories = []
    for name, pad_id in (("a", PAD), ("b", EOS)):
        model = small_reward_model(tmp_path / name)
        config = RewardModelConfig(batch_size=5, learning_rate=1e-3, epochs=2)
        histories.append(train_reward_model(model, comparisons(), config, pad_id=pad_id).loss)
    assert histories[0] == pytest.approx(histories[1], rel=1e-5)
