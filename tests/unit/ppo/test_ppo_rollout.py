import pytest
import torch
from small_models import EOS, PAD, random_rows, small_policy, small_reward_model

from components.core.models import ValueModel, score
from components.core.sampling import Completion
from components.core.tokens import collate
from components.ppo.config import PPOConfig
from components.ppo.rollout import Vocabulary, assess, by_length, credit, draw, response_logprobs

VOCAB = Vocabulary(EOS, PAD)
CONFIG = PPOConfig(
    batch_size=12, minibatch_size=4, microbatch_size=5, rollout_batch_size=5, max_new_tokens=8,
    kl_coefficient=0.1,
)  # fmt: skip


@pytest.fixture
def models(tmp_path):
    """policy, reference, reward model, value model"""
    reward_model = small_reward_model(tmp_path, seed=3)
    return small_policy(0), small_policy(1), reward_model, ValueModel(reward_model)


def rollouts(models, config=CONFIG, seed=0):
    policy, reference, reward_model, value_model = models
    prompts = random_rows(12, 2, 14)
    completions = draw(policy, prompts, config, VOCAB, torch.Generator().manual_seed(seed))
    return prompts, assess(
        prompts, completions, policy, reference, reward_model, config, VOCAB, value_model
    )


def test_rows_of_like_length_share_a_batch():
    rows = [([1] * n, [2]) for n in (5, 1, 4, 2, 3)]
    assert list(by_length(rows, 2)) == [[1, 3], [4, 2], [0]]


@torch.no_grad()
def test_everything_comes_back_in_the_prompts_order(models):
    policy, reference, reward_model, value_model = models
    prompts, (episodes, values) = rollouts(models)
    for row, (prompt, response) in enumerate(zip(prompts, episodes.responses, strict=True)):
        batch = collate([(prompt, response)], PAD)
        length = len(response)
        assert episodes.mask[row].tolist() == [i < length for i in range(episodes.mask.shape[1])]
        for found, expected in (
            (episodes.logprobs[row], response_logprobs(policy, batch, 1.0)),
            (episodes.reference[row], response_logprobs(reference, batch, 1.0)),
            (values[row], value_model.response_values(batch)),
        ):
            torch.testing.assert_close(found[:length], expected, atol=3e-5, rtol=1e-5)
            assert found[length:].abs().sum() == 0
        torch.testing.assert_close(episodes.scores[row : row + 1], score(reward_model, batch))
        assert bool(episodes.ended[row]) == (response[-1] == EOS)


def test_detail_6_reference_and_recomputed_logprobs_are_at_the_sampling_temperature(models):
    config = CONFIG.model_copy(update={"temperature": 0.7, "old_logprobs": "recomputed"})
    prompts, (again, _) = rollouts(models, config)
    _, (own, _) = rollouts(models, config.model_copy(update={"old_logprobs": "sampler"}))
    assert again.responses == own.responses
    torch.testing.assert_close(again.logprobs, own.logprobs, atol=3e-5, rtol=1e-5)
    batch = collate(list(zip(prompts, own.responses, strict=True))[:1], PAD)
    expected = response_logprobs(models[1], batch, 0.7)
    torch.testing.assert_close(own.reference[0][own.mask[0]], expected, atol=3e-5, rtol=1e-5)


def test_details_2_and_8_score_and_penalty_stand_on_the_last_token(models):
    policy, reference, reward_model, value_model = models
    prompts = random_rows(3, 4, 4)
    completions = [
        Completion([5, 6, EOS], [-1.0, -1.0, -1.0]),
        Completion([5, 6, 7, 8], [-1.0] * 4),  # cut off
        Completion([EOS], [-1.0]),
    ]
    config = CONFIG.model_copy(update={"kl_coefficient": 0.0, "missing_eos_penalty": 2.5})
    episodes, values = assess(
        prompts, completions, policy, reference, reward_model, config, VOCAB, value_model
    )
    rollout = credit(episodes, values, config)
    expected = torch.zeros(3, 4)
    expected[0, 2] = episodes.scores[0]
    expected[1, 3] = episodes.scores[1] - 2.5
    expected[2, 0] = episodes.scores[2]
    torch.testing.assert_close(rollout.rewards, expected)


def test_detail_9_two_assessments_are_bit_equal_with_dropout_in_the_config(tmp_path):
    policy = small_policy()
    reward_model = small_reward_model(tmp_path)
    for model in (policy, reward_model):
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.5
    first = rollouts((policy, policy, reward_model, ValueModel(reward_model)))
    again = rollouts((policy, policy, reward_model, ValueModel(reward_model)))
    assert first[1][0].responses == again[1][0].responses
    for name in ("logprobs", "reference", "scores"):
        assert torch.equal(getattr(first[1][0], name), getattr(again[1][0], name))


def test_advantages_are_whitened_over_all_tokens_and_returns_are_not(models):
    _, (episodes, values) = rollouts(models)
    rollout = credit(episodes, values, CONFIG)
    real = rollout.advantages[episodes.mask]
    assert float(real.mean()) == pytest.approx(0, abs=1e-5)
    assert float(real.std(unbiased=False)) == pytest.approx(1, abs=1e-3)
    # gamma = lambda = 1 makes a return the sum of the rewards to come.
    plain = credit(episodes, values, CONFIG.model_copy(update={"gae_lambda": 1.0}))
    torch.testing.assert_close(plain.returns[:, 0], plain.rewards.sum(1), atol=1e-4, rtol=1e-4)
    for tensor in (rollout.advantages, rollout.returns, rollout.rewards):
        assert tensor[~episodes.mask].abs().sum() == 0


def test_whitened_rewards_keep_their_mean(models):
    _, (episodes, values) = rollouts(models)
    config = CONFIG.model_copy(update={"whiten_rewards": True})
    raw = credit(episodes, values, CONFIG).rewards[episodes.mask]
    white = credit(episodes, values, config).rewards[episodes.mask]
    assert float(white.std(unbiased=False)) == pytest.approx(1, abs=1e-3)
    assert float(white.mean()) == pytest.approx(float(raw.mean()), abs=1e-5)


def test_the_kl_of_a_policy_to_itself_is_zero(models):
    policy, _, reward_model, value_model = models
    _, (episodes, _) = rollouts((policy, policy, reward_model, value_model))
    torch.testing.assert_close(episodes.kl(), torch.zeros(12), atol=1e-4, rtol=0)
