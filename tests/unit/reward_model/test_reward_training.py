import math

import pytest
import torch
from small_models import EOS, PAD, random_rows, small_policy, small_reward_model

from components.core.errors import UserError
from components.core.models import score
from components.core.objectives import ranking_loss
from components.core.tokens import collate
from components.reward_model.comparisons import Comparison
from components.reward_model.config import RewardModelConfig
from components.reward_model.scoring import (
    check_packing,
    microbatches,
    pack,
    score_comparisons,
)
from components.reward_model.training import centre, pair_accuracy, train_reward_model

CONFIG = RewardModelConfig(epochs=4, batch_size=8, learning_rate=3e-3)


def comparisons(count, seed=0):
    """Outputs with more of token 7 are better: something that can be learned."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for number, prompt in enumerate(random_rows(count, 3, 9, seed)):
        outputs = int(torch.randint(4, 10, (1,), generator=generator))
        goods = torch.randint(0, 4, (outputs,), generator=generator).tolist()
        goods[:2] = [0, 3]
        responses = [
            [7] * good + body + [EOS]
            for good, body in zip(goods, random_rows(outputs, 1, 4, seed + number), strict=True)
        ]
        made.append(Comparison(f"p{number}", prompt, responses, [4 - good for good in goods]))
    return made


def test_packed_rows_hold_each_token_once():
    (one,) = [Comparison("p", [5, 6], [[7, EOS], [8, 9, EOS]], [1, 2])]
    packed = pack([one], PAD)
    assert packed.input_ids.tolist() == [[5, 6, 7, EOS, 8, 9, EOS]]
    assert packed.position_ids.tolist() == [[0, 1, 2, 3, 2, 3, 4]]
    assert packed.ends.tolist() == [3, 6]
    assert packed.visible[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0],
        [1, 1, 0, 0, 1, 1, 0],
        [1, 1, 0, 0, 1, 1, 1],
    ]


def test_packed_scores_and_gradients_are_those_of_rows_of_their_own(tmp_path):
    model = small_reward_model(tmp_path)
    batch = comparisons(5)
    gradients = []
    for packed in (True, False):
        scores = score_comparisons(model, batch, PAD, packed)
        for values, comparison in zip(scores, batch, strict=True):
            rows = [(comparison.prompt, response) for response in comparison.responses]
            with torch.no_grad():
                expected = score(model, collate(rows, PAD))
            torch.testing.assert_close(values, expected, atol=1e-5, rtol=1e-5)
        torch.cat(scores).square().sum().backward()
        gradients.append([weight.grad.clone() for weight in model.parameters()])
        model.zero_grad()
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-3)


def test_a_model_that_ignores_4d_masks_is_stopped(tmp_path, monkeypatch):
    model = small_reward_model(tmp_path)
    check_packing(model, comparisons(3), PAD)
    trunk = type(model.base_model)
    forward = trunk.forward

    def deaf(self, *, attention_mask, **rest):
        return forward(self, attention_mask=None, **rest)

    monkeypatch.setattr(trunk, "forward", deaf)
    with pytest.raises(UserError, match="pack_outputs=false"):
        check_packing(model, comparisons(3), PAD)


@pytest.mark.parametrize("packed", [True, False])
def test_microbatches_keep_order_and_size(packed):
    batch = comparisons(30)
    parts = list(microbatches(batch, 200, packed))
    assert [c for part in parts for c in part] == batch
    assert len(parts) > 3
    for part in parts:
        widest = max(
            c.packed_tokens if packed else len(c.prompt) + max(map(len, c.responses)) for c in part
        )
        rows = len(part) if packed else sum(len(c.responses) for c in part)
        assert len(part) == 1 or rows * widest <= 200


@pytest.mark.parametrize("packed", [True, False])
def test_training_learns_the_ranking_and_generalises(tmp_path, packed):
    model = small_reward_model(tmp_path)
    config = CONFIG.model_copy(update={"pack_outputs": packed})
    unseen = comparisons(20, seed=99)
    before = pair_accuracy(model, unseen, config, pad_id=PAD)
    steps = []
    history = train_reward_model(
        model, comparisons(48), config, pad_id=PAD, report=lambda *told: steps.append(told[:2])
    )
    after = pair_accuracy(model, unseen, config, pad_id=PAD)
    assert history.loss[0] > 2 * history.loss[-1]
    assert before.share.value < 0.75 < 0.9 < after.share.value
    assert after.share.low <= after.share.value <= after.share.high
    assert after.pairs > 100
    assert after.share.n == len({comparison.prompt_id for comparison in unseen})
    assert steps == [(step, 24) for step in range(1, 25)]


def test_the_first_loss_is_the_mean_over_elements(tmp_path):
    model = small_reward_model(tmp_path)
    batch = comparisons(8)
    expected = [
        float(ranking_loss(values.detach(), torch.tensor(c.ranks)))
        for values, c in zip(score_comparisons(model, batch, PAD, False), batch, strict=True)
    ]
    history = train_reward_model(model, batch, CONFIG, pad_id=PAD)
    assert history.loss[0] == pytest.approx(sum(expected) / 8, rel=1e-5)


def test_detail_15_demonstrations_score_zero_after_training(tmp_path, monkeypatch):
    model = small_reward_model(tmp_path)
    rows = [(c.prompt, c.responses[0]) for c in comparisons(37)]
    with monkeypatch.context() as patch:
        patch.setattr("components.reward_model.training.CENTRE_BATCH", 8)
        bias = centre(model, rows, pad_id=PAD)
    assert bias != 0
    with torch.no_grad():
        assert float(score(model, collate(rows, PAD)).mean()) == pytest.approx(0, abs=1e-5)
    assert centre(model, rows, pad_id=PAD) == pytest.approx(bias, abs=1e-5)
    with pytest.raises(UserError, match="demonstrations"):
        centre(model, [], pad_id=PAD)


def test_nothing_to_train_on_and_a_diverging_run_are_named(tmp_path):
    model = small_reward_model(tmp_path)
    with pytest.raises(UserError, match="two outputs of different rank"):
        train_reward_model(model, [], CONFIG, pad_id=PAD)
    with torch.no_grad():
        model.score.weight.fill_(math.nan)
    with pytest.raises(UserError, match=r"loss is nan.*learning_rate"):
        train_reward_model(
            model, comparisons(8), CONFIG.model_copy(update={"pack_outputs": False}), pad_id=PAD
        )


def test_no_pairs_no_accuracy(tmp_path):
    nothing = pair_accuracy(small_reward_model(tmp_path), [], CONFIG, pad_id=PAD)
    assert math.isnan(nothing.share.value)
    assert (nothing.pairs, nothing.share.n) == (0, 0)


def test_dropout_of_the_trunk_stays_off(tmp_path):
    policy = small_policy()
    policy.config.resid_pdrop = policy.config.embd_pdrop = 0.5
    policy.save_pretrained(tmp_path)
    from components.core.models import reward_from_policy

    losses = []
    for _ in range(2):
        model = reward_from_policy(tmp_path, torch.Generator().manual_seed(0))
        losses.append(train_reward_model(model, comparisons(16), CONFIG, pad_id=PAD).loss)
    assert losses[0] == losses[1]
