import copy
import math

import pytest
import torch
from small_models import EOS, PAD, random_rows, small_policy, small_reward_model

from components.core.errors import UserError
from components.core.models import ValueModel
from components.core.tokens import collate
from components.ppo.checks import WrongRun, check_finite, check_first_ratio, check_kl, check_updates
from components.ppo.config import PPOConfig
from components.ppo.pretraining_mix import PretrainingMix
from components.ppo.rollout import Vocabulary, assess, credit, draw, response_logprobs
from components.ppo.update import Learner, ptx_gradients, update

VOCAB = Vocabulary(EOS, PAD)
CONFIG = PPOConfig(
    batch_size=12, minibatch_size=4, epochs=2, max_new_tokens=8, kl_coefficient=0.1,
    learning_rate=1e-3, value_learning_rate=1e-3, warmup_iterations=0, ptx_coefficient=0.0,
)  # fmt: skip


def setting(tmp_path, config=CONFIG):
    policy, reward_model = small_policy(0), small_reward_model(tmp_path, seed=3)
    learner = Learner.new(policy, ValueModel(copy.deepcopy(reward_model)), config)
    prompts = random_rows(12, 2, 14)
    completions = draw(policy, prompts, config, VOCAB, torch.Generator().manual_seed(0))
    episodes, values = assess(
        prompts, completions, policy, small_policy(1), reward_model, config, VOCAB,
        learner.value_model,
    )  # fmt: skip
    return learner, credit(episodes, values, config)


def test_detail_3_optimizer_steps_are_epochs_times_minibatches(tmp_path):
    learner, rollout = setting(tmp_path)
    update(learner, rollout, 0, CONFIG, VOCAB, None)
    assert learner.updates == 2 * 3
    for optimizer in (learner.policy_optimizer, learner.value_optimizer):
        assert {int(state["step"]) for state in optimizer.state.values()} == {6}
    check_updates(6, 1, CONFIG)
    with pytest.raises(WrongRun, match="6 optimizer steps after 2 iterations, not 12"):
        check_updates(6, 2, CONFIG)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_detail_4_the_ratio_is_exactly_one_before_the_first_update(dtype):
    policy = small_policy().to(dtype)
    rows = [(p, [*r, EOS]) for p, r in zip(random_rows(6, 2, 9), random_rows(6, 1, 9), strict=True)]
    batch = collate(rows, PAD)
    with torch.no_grad():
        old = response_logprobs(policy, batch, 1.0)
    new = response_logprobs(policy, batch, 1.0)
    assert torch.equal((new - old).exp(), torch.ones_like(new))


def test_detail_4_a_sampler_that_disagrees_stops_the_run(tmp_path):
    learner, rollout = setting(tmp_path)
    rollout.episodes.logprobs[rollout.episodes.mask] += 0.01
    with pytest.raises(WrongRun, match=r"0\.00995 away from 1"):
        update(learner, rollout, 0, CONFIG, VOCAB, None)
    assert learner.updates == 0


def test_the_first_ratio_check_stops_on_nan():
    with pytest.raises(WrongRun):
        check_first_ratio(torch.tensor([1.0, math.nan]), 0, CONFIG)


def test_detail_12_a_kl_that_stays_negative_stops_the_run():
    check_kl([-2.0] * 4, CONFIG)
    check_kl([-2.0] * 4 + [0.1], CONFIG)
    with pytest.raises(WrongRun, match="never negative"):
        check_kl([0.5] + [-2.0] * 5, CONFIG)


def test_a_figure_that_is_not_finite_stops_the_run():
    with pytest.raises(WrongRun, match="policy_loss is nan"):
        check_finite({"kl": 0.1, "policy_loss": math.nan}, 3)


def test_an_update_raises_what_was_good(tmp_path):
    learner, rollout = setting(tmp_path)
    config = CONFIG.model_copy(update={"minibatch_size": 12, "epochs": 1})
    figures = update(learner, rollout, 0, config, VOCAB, None)
    assert figures["clip_fraction"] == 0
    # Whitened advantages over all tokens at ratio 1: the first loss is minus their mean, 0.
    assert figures["policy_loss"] == pytest.approx(0, abs=1e-5)
    assert figures["update_kl"] == pytest.approx(0, abs=1e-6)
    episodes = rollout.episodes
    rows = list(zip(episodes.prompts, episodes.responses, strict=True))
    with torch.no_grad():
        new = response_logprobs(learner.policy, collate(rows, PAD), 1.0)
    gain = (new - episodes.logprobs[episodes.mask]) * rollout.advantages[episodes.mask]
    assert float(gain.mean()) > 0


def test_learning_rates_warm_up_from_a_tenth(tmp_path):
    config = CONFIG.model_copy(update={"warmup_iterations": 10})
    learner, rollout = setting(tmp_path, config)
    update(learner, rollout, 0, config, VOCAB, None)
    assert learner.policy_optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)
    assert learner.value_optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)


def test_the_average_follows_at_every_update(tmp_path):
    config = CONFIG.model_copy(update={"ema_decay": 0.5, "epochs": 1, "minibatch_size": 6})
    learner, rollout = setting(tmp_path, config)
    seen = [[w.detach().clone() for w in learner.policy.parameters()]]
    follow = learner.average.update

    def spy(weights):
        seen.append([w.detach().clone() for w in weights])
        follow(weights)

    learner.average.update = spy
    update(learner, rollout, 0, config, VOCAB, None)
    expected = [a / 4 + b / 4 + c / 2 for a, b, c in zip(*seen, strict=True)]
    torch.testing.assert_close(learner.average.weights, expected)


@pytest.mark.parametrize("normalisation", ["token", "sequence"])
def test_ptx_loss_and_gradient_by_a_plain_forward(normalisation):
    config = CONFIG.model_copy(
        update={
            "ptx_coefficient": 3.0,
            "ptx_normalisation": normalisation,
            "microbatch_size": 3,
        }
    )
    policy = small_policy()
    rows = random_rows(8, 2, 20)
    found = ptx_gradients(policy, rows, config, VOCAB)
    gradient = [weight.grad.clone() for weight in policy.parameters()]
    policy.zero_grad()
    losses = []
    for row in rows:
        logits = policy(torch.tensor([row])).logits[0, :-1]
        losses.append(
            torch.nn.functional.cross_entropy(logits, torch.tensor(row[1:]), reduction="sum")
        )
    count = sum(len(row) - 1 for row in rows) if normalisation == "token" else len(rows)
    expected = torch.stack(losses).sum() / count
    (3.0 * expected).backward()
    assert found == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.testing.assert_close(
        gradient, [weight.grad for weight in policy.parameters()], atol=1e-4, rtol=1e-4
    )


def test_ptx_gradients_add_to_those_of_ppo_in_one_step(tmp_path):
    rows = random_rows(6, 5, 20)
    mix = PretrainingMix(6, lambda i: rows[i], rows=4, max_tokens=64, seed=0)
    config = CONFIG.model_copy(update={"minibatch_size": 12, "epochs": 1})
    with_ptx = config.model_copy(update={"ptx_coefficient": 2.0, "max_gradient_norm": 1e9})
    gradients = {}
    for name, settings, source in (("ppo", config, None), ("both", with_ptx, mix)):
        learner, rollout = setting(tmp_path / name, settings)
        optimizer = learner.policy_optimizer
        optimizer.step = lambda o=optimizer, n=name: gradients.update(
            {n: [w.grad.clone() for w in o.param_groups[0]["params"]]}
        )
        loose = settings.model_copy(update={"max_gradient_norm": 1e9})
        update(learner, rollout, 0, loose, VOCAB, source)
        assert learner.updates == 1
    fresh = small_policy(0)
    ptx_gradients(fresh, mix.rows(0), with_ptx, VOCAB)
    alone = [weight.grad for weight in fresh.parameters()]
    torch.testing.assert_close(
        gradients["both"],
        [a + b for a, b in zip(gradients["ppo"], alone, strict=True)],
        atol=1e-4,
        rtol=1e-4,
    )


def test_the_mix_sees_every_document_before_any_again_and_depends_on_the_update_only():
    documents = [[number] * 5 for number in range(2, 12)]
    mix = PretrainingMix(10, lambda i: documents[i], rows=4, max_tokens=64, seed=0)
    drawn = [row[0] for number in range(5) for row in mix.rows(number)]
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(2, 12))
    assert drawn[:10] != drawn[10:]
    fresh = PretrainingMix(10, lambda i: documents[i], rows=4, max_tokens=64, seed=0)
    assert fresh.rows(3) == mix.rows(3)


def test_long_documents_give_windows_and_empty_ones_nothing():
    documents = [list(range(100)), [5], []]
    mix = PretrainingMix(3, lambda i: documents[i], rows=3, max_tokens=16, seed=0)
    starts = set()
    for number in range(6):
        (row,) = mix.rows(number)
        assert row == list(range(row[0], row[0] + 16))
        starts.add(row[0])
    assert len(starts) > 3
    with pytest.raises(UserError, match="no train document"):
        PretrainingMix(0, lambda i: [], rows=1, max_tokens=8, seed=0)


def test_the_update_projects_response_positions_only(tmp_path, monkeypatch):
    learner, rollout = setting(tmp_path)
    seen = []
    head = learner.policy.get_output_embeddings()
    head.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[0]))
    config = CONFIG.model_copy(update={"epochs": 1})
    update(learner, rollout, 0, config, VOCAB, None)
    assert sum(seen) == int(rollout.episodes.mask.sum())


def test_config_names_a_bad_split_and_counts_rows():
    with pytest.raises(ValueError, match="not a multiple of minibatch_size"):
        PPOConfig(batch_size=10, minibatch_size=4)
    paper = PPOConfig()
    assert (paper.batch_size, paper.minibatch_size, paper.minibatches) == (512, 64, 8)
    assert paper.ptx_rows == 512
    assert paper.model_copy(update={"ptx_coefficient": 0.0}).ptx_rows == 0
