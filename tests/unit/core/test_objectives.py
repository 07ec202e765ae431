import math

import pytest
import torch

from components.core.objectives import (
    gae,
    kl_nonnegative,
    kl_penalty,
    masked_mean,
    policy_losses,
    ranked_pairs,
    ranking_loss,
    token_logprobs,
    token_rewards,
    value_losses,
    whiten,
)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float32)


def test_detail_13_logprobs_are_float32_even_of_bfloat16_logits():
    logits = (torch.randn(50, 1000, generator=torch.Generator().manual_seed(0)) * 8).bfloat16()
    tokens = torch.arange(50)
    exact = logits.double().log_softmax(1).gather(1, tokens[:, None]).squeeze(1)
    found = token_logprobs(logits, tokens)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-6)


def test_detail_6_logits_are_divided_by_the_temperature():
    # softmax(2 / 0.5, 0 / 0.5): p = e^4 / (e^4 + 1)
    found = token_logprobs(tensor([2.0, 0.0]), torch.tensor([0]), 0.5)
    assert float(found) == pytest.approx(-math.log1p(math.exp(-4)), rel=1e-5)


def test_detail_12_the_penalty_may_be_negative_the_estimator_not():
    p, q = tensor(-1.0, -3.0), tensor(-2.0, -1.0)
    assert kl_penalty(p, q).tolist() == [1.0, -2.0]
    # r = q / p: e^-1 - 1 + 1 and e^2 - 1 - 2
    torch.testing.assert_close(kl_nonnegative(p, q), tensor(math.exp(-1), math.exp(2) - 3))
    probabilities = torch.rand(2, 30, generator=torch.Generator().manual_seed(0)).softmax(1)
    exact = (probabilities[0] * (probabilities[0] / probabilities[1]).log()).sum()
    both = probabilities.log()
    for estimator in (kl_penalty, kl_nonnegative):
        torch.testing.assert_close((probabilities[0] * estimator(both[0], both[1])).sum(), exact)


def test_detail_2_the_score_sits_on_the_last_real_token():
    mask = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    logprobs, reference = torch.full((3, 3), -1.0), torch.full((3, 3), -1.5)
    rewards = token_rewards(tensor(1.0, 2.0, 3.0), logprobs, reference, mask, 0.2)
    # KL 0.5 a token, times 0.2.
    torch.testing.assert_close(
        rewards, tensor([-0.1, 0.9, 0.0], [-0.1, -0.1, 1.9], [2.9, 0.0, 0.0])
    )


def test_detail_10_whitening_ignores_padding_and_keeps_the_mean_of_rewards():
    values = tensor([1.0, 2.0, 3.0, 6.0])
    mask = torch.ones_like(values, dtype=torch.bool)
    white = whiten(values, mask)
    # mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5
    torch.testing.assert_close(white, (values - 3) / math.sqrt(3.5))
    torch.testing.assert_close(whiten(values, mask, shift_mean=False), white + 3)
    wide = torch.cat([values, torch.full((1, 3), 99.0)], dim=1)
    wide_mask = torch.cat([mask, torch.zeros((1, 3), dtype=torch.bool)], dim=1)
    padded = whiten(wide, wide_mask)
    torch.testing.assert_close(padded[:, :4], white)
    assert padded[:, 4:].abs().sum() == 0
    assert float(masked_mean(wide, wide_mask)) == 3.0


def test_gae_by_hand():
    # gamma 1, lambda 0.5, values 1, 2; rewards 0, 4:
    # delta_1 = 4 - 2 = 2; delta_0 = 0 + 2 - 1 = 1; A_0 = 1 + 0.5 * 2 = 2
    mask = torch.ones((1, 2), dtype=torch.bool)
    advantages, returns = gae(tensor([0.0, 4.0]), tensor([1.0, 2.0]), mask, 1.0, 0.5)
    assert advantages.tolist() == [[2.0, 2.0]]
    assert returns.tolist() == [[3.0, 4.0]]


def test_detail_11_gae_agrees_with_the_double_sum_and_is_zero_on_padding():
    generator = torch.Generator().manual_seed(0)
    rewards, values = torch.randn(5, 7, generator=generator), torch.randn(5, 7, generator=generator)
    lengths = [7, 1, 4, 6, 2]
    mask = torch.arange(7)[None] < torch.tensor(lengths)[:, None]
    gamma, lam = 0.97, 0.9
    advantages, returns = gae(rewards, values, mask, gamma, lam)
    for row, length in enumerate(lengths):
        for t in range(length):
            expected = 0.0
            for k in range(t, length):
                after = values[row, k + 1] if k + 1 < length else 0.0
                delta = rewards[row, k] + gamma * after - values[row, k]
                expected += (gamma * lam) ** (k - t) * float(delta)
            assert float(advantages[row, t]) == pytest.approx(expected, abs=1e-5)
        assert advantages[row, length:].abs().sum() == 0
        assert returns[row, length:].abs().sum() == 0


def test_policy_loss_by_hand():
    old = torch.zeros(4)
    new = tensor(1.5, 1.5, 0.5, 0.5).log()
    losses, clipped = policy_losses(new, old, tensor(1.0, -1.0, 1.0, -1.0), 0.2)
    # The pessimistic side: a gain is capped at 1.2, a loss is not.
    torch.testing.assert_close(losses, tensor(-1.2, 1.5, -0.5, 0.8))
    assert clipped.tolist() == [True, False, False, True]


def test_a_clipped_token_has_no_gradient():
    new = tensor(1.5, 1.1).log().requires_grad_()
    policy_losses(new, torch.zeros(2), tensor(1.0, 1.0), 0.2)[0].sum().backward()
    torch.testing.assert_close(new.grad, tensor(0.0, -1.1))


def test_value_loss_by_hand():
    losses, clipped = value_losses(tensor(1.0, 0.1), tensor(0.0, 0.0), tensor(1.0, 1.0), 0.2)
    # plain 0 and 0.81; clipped to 0.2: 0.64, and 0.1 is inside
    torch.testing.assert_close(losses, tensor(0.32, 0.405))
    assert clipped.tolist() == [True, False]
    plain, _ = value_losses(tensor(1.0, 0.1), tensor(0.0, 0.0), tensor(1.0, 1.0), None)
    torch.testing.assert_close(plain, tensor(0.0, 0.405))


def test_ranking_loss_by_hand_with_a_tie():
    scores = tensor(1.0, 0.0, 0.0)
    # Ranks 1, 2, 2: two decided pairs of three, each -log sigmoid(1); weight 1/3.
    found = ranking_loss(scores, torch.tensor([1, 2, 2]))
    assert float(found) == pytest.approx(2 / 3 * math.log1p(math.exp(-1)), rel=1e-5)
    assert float(ranking_loss(tensor(0.0, 0.0), torch.tensor([2, 1]))) == pytest.approx(math.log(2))


def test_ranking_loss_does_not_depend_on_the_order_of_outputs():
    scores, ranks = torch.randn(6, generator=torch.Generator().manual_seed(0)), [3, 1, 2, 2, 6, 5]
    expected = ranking_loss(scores, torch.tensor(ranks))
    order = [4, 2, 0, 5, 1, 3]
    again = ranking_loss(scores[order], torch.tensor([ranks[i] for i in order]))
    torch.testing.assert_close(again, expected)


def test_ranked_pairs_counts_decided_pairs_only():
    # (0, 1) right, (0, 2) wrong, (1, 2) tied by the labeler
    assert ranked_pairs(tensor(1.0, 0.0, 2.0), torch.tensor([1, 2, 2])) == (1.0, 2)
    assert ranked_pairs(tensor(1.0, 1.0), torch.tensor([1, 2])) == (0.5, 1)
