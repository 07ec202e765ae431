"""Killed and resumed equals uninterrupted, to the bit; and a seed says everything."""

import pytest
import torch
from small_models import (
    EOS,
    PAD,
    MemoryCheckpoints,
    random_rows,
    small_policy,
    small_reward_model,
)

from components.core.checkpoint import Checkpoints
from components.ppo.config import PPOConfig
from components.ppo.loop import train_ppo
from components.ppo.pretraining_mix import PretrainingMix
from components.ppo.rollout import Vocabulary
from components.reward_model.comparisons import Comparison
from components.reward_model.config import RewardModelConfig
from components.reward_model.training import train_reward_model

PPO = PPOConfig(
    iterations=7, batch_size=16, minibatch_size=8, epochs=2, max_new_tokens=6,
    ptx_coefficient=0.5, ptx_examples_per_episode=0.5, learning_rate=1e-3,
    value_learning_rate=1e-3, warmup_iterations=3, sample_every=2, checkpoint_every=2,
)  # fmt: skip
REWARD = RewardModelConfig(batch_size=5, learning_rate=1e-3, epochs=3, checkpoint_every=2)


def ppo(folder, checkpoints=None, seed=0):
    policy, reward_model = small_policy(0), small_reward_model(folder, seed=3)
    rows = random_rows(9, 4, 30)
    result = train_ppo(
        policy,
        reward_model,
        random_rows(20, 2, 9),
        PPO.model_copy(update={"seed": seed}),
        Vocabulary(EOS, PAD),
        mix=PretrainingMix(9, lambda i: rows[i], rows=PPO.ptx_rows, max_tokens=16, seed=seed),
        sample_prompts=random_rows(4, 2, 9, seed=5),
        checkpoints=checkpoints,
    )
    return policy, result


def reward(folder, checkpoints=None, seed=0):
    model = small_reward_model(folder)
    comparisons = [
        Comparison(
            f"p{n}", prompt, [[*r, EOS] for r in random_rows(5, 1, 8, seed=n)], [1, 2, 3, 3, 5]
        )
        for n, prompt in enumerate(random_rows(23, 3, 9))
    ]
    config = REWARD.model_copy(update={"seed": seed})
    return model, train_reward_model(
        model, comparisons, config, pad_id=PAD, checkpoints=checkpoints
    )


def same(one, other):
    weights, others = one[0].state_dict(), other[0].state_dict()
    return one[1] == other[1] and all(torch.equal(weights[name], others[name]) for name in weights)


@pytest.mark.parametrize("train", [ppo, reward])
@pytest.mark.parametrize("saves", [1, 2, 3])
def test_killed_and_resumed_equals_uninterrupted(tmp_path, train, saves):
    expected = train(tmp_path)
    store = MemoryCheckpoints(stop_after=saves)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, store)
    assert store.newest().step == 2 * saves
    torch.manual_seed(999)  # a new process has another global state
    assert same(train(tmp_path, store), expected)


@pytest.mark.parametrize("train", [ppo, reward])
def test_checkpoints_do_not_change_a_run_and_a_seed_does(tmp_path, train):
    expected = train(tmp_path)
    assert same(train(tmp_path, MemoryCheckpoints()), expected)
    assert not same(train(tmp_path, seed=1), expected)


def test_detail_16_a_ppo_checkpoint_holds_all_that_training_changes(tmp_path):
    store = MemoryCheckpoints()
    ppo(tmp_path, store)
    saved = store.newest()
    parts = {name.split("/")[0] for name in saved.tensors}
    assert parts == {"policy", "value", "policy_optimizer", "value_optimizer", "average"}
    assert {"value/bias", "policy_optimizer/0/exp_avg", "value_optimizer/0/exp_avg_sq"} <= set(
        saved.tensors
    )
    assert saved.meta["updates"] == 6 * 2 * 2
    assert len(saved.meta["history"]["kl"]) == 6


def test_ppo_resumes_from_s3(tmp_path, storage, root):
    expected = ppo(tmp_path)
    store = Checkpoints(storage, root, "a-work-key", keep=2)

    class Dying:
        newest = staticmethod(store.newest)
        saves = 0

        def save(self, *state):
            store.save(*state)
            self.saves += 1
            if self.saves == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ppo(tmp_path, Dying())
    assert store.newest().step == 4
    assert same(ppo(tmp_path, store), expected)
