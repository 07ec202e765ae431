import copy

import pytest
import torch
from small_models import EOS, PAD, random_rows, small_policy, small_reward_model

from components.core.errors import UserError
from components.ppo.config import PPOConfig
from components.ppo.loop import prompt_indices, train_ppo
from components.ppo.pretraining_mix import PretrainingMix
from components.ppo.rollout import Vocabulary

VOCAB = Vocabulary(EOS, PAD)
CONFIG = PPOConfig(
    iterations=4, batch_size=16, minibatch_size=8, max_new_tokens=6, ptx_coefficient=0.0,
    learning_rate=1e-3, value_learning_rate=1e-3, warmup_iterations=2, sample_every=2,
    missing_eos_penalty=0.0,
)  # fmt: skip


def train(tmp_path, config=CONFIG, **options):
    policy = small_policy(0)
    reward_model = small_reward_model(tmp_path, seed=3)
    result = train_ppo(policy, reward_model, random_rows(20, 2, 9), config, VOCAB, **options)
    return policy, result


def test_prompts_come_all_before_any_again():
    drawn = [index for step in range(9) for index in prompt_indices(10, step, 4, seed=0)]
    assert all(sorted(drawn[at : at + 10]) == list(range(10)) for at in (0, 10, 20))
    assert drawn[:10] != drawn[10:20]
    assert sorted(prompt_indices(3, 0, 7, seed=0))[:7] == sorted(prompt_indices(3, 0, 7, seed=0))
    assert len(prompt_indices(3, 0, 7, seed=0)) == 7


def test_ppo_raises_a_reward_that_can_be_learned(tmp_path, monkeypatch):
    policy, reward_model = small_policy(0, initializer_range=0.05), small_reward_model(tmp_path)

    def score(_, batch):
        """1 where the row's last token but one is a 7."""
        rows = torch.arange(len(batch.input_ids))
        return (batch.input_ids[rows, batch.last() - 1] == 7).float()

    monkeypatch.setattr("components.ppo.rollout.score", score)
    config = CONFIG.model_copy(
        update={
            "iterations": 30,
            "batch_size": 64,
            "minibatch_size": 16,
            "learning_rate": 3e-3,
            "value_learning_rate": 3e-3,
            "kl_coefficient": 0.01,
            "max_new_tokens": 3,
            "value_clip": None,
        }
    )
    result = train_ppo(policy, reward_model, random_rows(40, 2, 5), config, VOCAB)
    reward = result.history["reward"]
    assert sum(reward[:3]) / 3 < 0.1
    assert sum(reward[-3:]) / 3 > 0.6
    assert result.history["kl"][-1] > 0.5


def test_history_samples_and_updates(tmp_path):
    told = []
    watched = random_rows(5, 2, 9, seed=8)
    _, result = train(
        tmp_path, sample_prompts=watched, report=lambda *figures: told.append(figures)
    )
    assert result.updates == 4 * 2
    assert [step for step, _, _ in told] == [1, 2, 3, 4]
    for name in ("reward", "kl", "ended", "policy_loss", "value_loss", "clip_fraction", "entropy"):
        assert len(result.history[name]) == 4
        assert [figures[name] for _, _, figures in told] == result.history[name]
    assert [samples.iteration for samples in result.samples] == [0, 2, 4]
    for samples in result.samples:
        assert len(samples.responses) == len(samples.rewards) == len(samples.kls) == 5
    # Before training the policy is the SFT policy.
    assert max(abs(kl) for kl in result.samples[0].kls) < 1e-4


def test_the_result_is_the_moving_average(tmp_path):
    still = CONFIG.model_copy(update={"ema_decay": 0.999999999})
    policy, _ = train(tmp_path / "a", still)
    torch.testing.assert_close(list(policy.parameters()), list(small_policy(0).parameters()))
    moved, _ = train(tmp_path / "b", CONFIG.model_copy(update={"ema_decay": 0.0}))
    assert not torch.equal(moved.transformer.wte.weight, policy.transformer.wte.weight)


def test_the_reward_model_does_not_change(tmp_path):
    policy, reward_model = small_policy(0), small_reward_model(tmp_path, seed=3)
    before = copy.deepcopy(reward_model.state_dict())
    train_ppo(policy, reward_model, random_rows(20, 2, 9), CONFIG, VOCAB)
    assert all(
        torch.equal(before[name], weight) for name, weight in reward_model.state_dict().items()
    )


def test_coefficient_zero_is_plain_ppo_even_with_documents(tmp_path):
    def no_document(index):
        raise AssertionError("plain PPO reads no document")

    mix = PretrainingMix(3, no_document, rows=2, max_tokens=9, seed=0)
    given, with_mix = train(tmp_path / "a", mix=mix)
    plain, without = train(tmp_path / "b")
    assert with_mix.history == without.history
    assert "ptx_loss" not in without.history
    assert torch.equal(given.transformer.wte.weight, plain.transformer.wte.weight)


def test_ptx_lowers_the_pretraining_loss(tmp_path):
    rows = random_rows(6, 12, 20)
    mix = PretrainingMix(6, lambda i: rows[i], rows=6, max_tokens=64, seed=0)
    config = CONFIG.model_copy(
        update={"iterations": 25, "ptx_coefficient": 1.0, "learning_rate": 3e-3}
    )
    _, result = train(tmp_path, config, mix=mix)
    assert result.history["ptx_loss"][-1] < 0.8 * result.history["ptx_loss"][0]
    with pytest.raises(ValueError, match="pretraining mix"):
        train(tmp_path, config)


def test_prompts_that_leave_no_room_are_named(tmp_path):
    with pytest.raises(UserError, match="a prompt of 60 tokens and max_new_tokens 6"):
        train(tmp_path, sample_prompts=random_rows(1, 60, 60))


def test_no_prompts_are_named(tmp_path):
    with pytest.raises(UserError, match="no prompt to train on"):
        train_ppo(small_policy(0), small_reward_model(tmp_path), [], CONFIG, VOCAB)
