"""What pretraining optimises, by hand; its learning rate; and that it can be resumed."""

import math
from typing import Any

import pytest
import torch
from small_models import MemoryCheckpoints, random_rows, small_policy
from transformers import PreTrainedModel

from components.core.checkpoint import Checkpoints
from components.core.errors import UserError
from components.core.storage import Storage
from components.pretraining.config import PretrainingConfig
from components.pretraining.rows import TokenStream
from components.pretraining.training import document_loss, learning_rate, train_language_model

CONFIG = PretrainingConfig(
    positions=16, short_tokens=8, batch_tokens=64, steps=10, short_share=0.5, hidden=16, heads=2,
    learning_rate=1e-2, checkpoint_every=3,
)  # fmt: skip
END = 0


def documents(count: int = 12) -> list[list[int]]:
    return [[*row, END] for row in random_rows(count, 3, 20)]


def changed(**values: Any) -> PretrainingConfig:
    return PretrainingConfig.from_mapping(CONFIG.model_dump() | values)


def train(
    config: PretrainingConfig = CONFIG, checkpoints: Any = None, report: Any = None
) -> tuple[PreTrainedModel, list[float]]:
    model = small_policy(positions=16)
    losses = train_language_model(
        model, documents(), config, checkpoints=checkpoints, report=report
    )
    return model, losses


def same(
    one: tuple[PreTrainedModel, list[float]], two: tuple[PreTrainedModel, list[float]]
) -> bool:
    weights, others = one[0].state_dict(), two[0].state_dict()
    return one[1] == two[1] and all(torch.equal(weights[name], others[name]) for name in weights)


@torch.no_grad()
def losses_by_hand(model: PreTrainedModel, row: list[int]) -> list[float]:
    """-log p of every token but the first, in nats."""
    logs = torch.log_softmax(model(input_ids=torch.tensor([row])).logits[0].double(), dim=-1)
    return [-float(logs[place - 1, row[place]]) for place in range(1, len(row))]


# --- the loss


def test_the_loss_is_a_mean_over_all_tokens_but_the_rows_first() -> None:
    _, losses = train()
    rows = TokenStream(documents(), CONFIG).rows(0).tolist()
    each = [loss for row in rows for loss in losses_by_hand(small_policy(positions=16), row)]
    assert losses[0] == pytest.approx(sum(each) / len(each), abs=1e-5)
    assert len(losses) == CONFIG.steps


def test_training_lowers_the_loss() -> None:
    model, losses = train(changed(steps=60))
    assert losses[-1] < 0.8 * losses[0]
    assert document_loss(model, documents(), 16) < document_loss(
        small_policy(positions=16), documents(), 16
    )
    assert not model.training


def test_low_precision_is_near() -> None:
    exact, low = train()[1], train(changed(precision="bfloat16"))[1]
    assert low != exact
    assert low == pytest.approx(exact, abs=0.1)


def test_only_matrices_decay() -> None:
    """One update of AdamW: decay takes away rate x decay x weight, and nothing of a vector."""
    plain, _ = train(changed(steps=1, weight_decay=0.0, short_share=0.0))
    decayed, _ = train(changed(steps=1, weight_decay=0.5, short_share=0.0))
    start = dict(small_policy(positions=16).named_parameters())
    rate = learning_rate(changed(steps=1), 0)
    others = dict(plain.named_parameters())
    for name, weight in decayed.named_parameters():
        lost = rate * 0.5 * start[name] if weight.dim() > 1 else torch.zeros_like(weight)
        torch.testing.assert_close(weight, others[name] - lost, atol=1e-6, rtol=1e-5)


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    model = small_policy(positions=16)
    with torch.no_grad():
        model.get_output_embeddings().weight[5].fill_(math.inf)
    with pytest.raises(UserError, match=r"pretraining: the loss is \w+ at update 0; lower pretr"):
        train_language_model(model, documents(), CONFIG)


def test_every_update_is_reported() -> None:
    told: list[tuple[int, int, float]] = []
    _, losses = train(report=lambda *update: told.append(update))
    assert told == [(done, 10, losses[done - 1]) for done in range(1, 11)]


# --- the learning rate


def test_the_learning_rate_warms_up_in_a_line_and_falls_along_a_cosine() -> None:
    config = changed(
        steps=101, warmup_share=0.04, learning_rate=2e-3, final_learning_rate=0.1
    )  # four updates of warm-up
    shares = [learning_rate(config, step) / 2e-3 for step in range(101)]
    cosines = [0.55 + 0.45 * math.cos(math.pi * step / 100) for step in range(101)]
    assert shares[:4] == pytest.approx(
        [warm * cos for warm, cos in zip((0.25, 0.5, 0.75, 1.0), cosines, strict=False)]
    )
    assert shares[4:] == pytest.approx(cosines[4:])
    assert shares[50] == pytest.approx(0.55)
    assert shares[100] == pytest.approx(0.1)


def test_without_a_warm_up_the_first_update_has_the_peak() -> None:
    assert learning_rate(changed(warmup_share=0.0), 0) == CONFIG.learning_rate


# --- the loss on held-out documents


def test_the_document_loss_is_a_mean_over_tokens_each_document_for_itself() -> None:
    model = small_policy(positions=16)
    held = [[5, 6, 7, END], [9, END], [8], [], [*range(2, 30)]]
    each = [loss for row in held if len(row) > 1 for loss in losses_by_hand(model, row[:16])]
    assert len(each) == 3 + 1 + 15
    by_hand = sum(each) / len(each)
    assert document_loss(model, held, 16) == pytest.approx(by_hand, abs=1e-5)
    assert document_loss(model, held, 16, batch_size=1) == pytest.approx(by_hand, abs=1e-5)
    assert math.isnan(document_loss(model, [[8], []], 16))


# --- killed and resumed


@pytest.mark.parametrize("saves", [1, 2, 3])
def test_killed_and_resumed_equals_uninterrupted(saves: int) -> None:
    expected = train()
    store = MemoryCheckpoints(stop_after=saves)
    with pytest.raises(KeyboardInterrupt):
        train(checkpoints=store)
    assert store.newest().step == 3 * saves
    torch.manual_seed(999)  # a new process has another global state
    assert same(train(checkpoints=store), expected)


def test_checkpoints_on_s3_resume_to_the_bit(storage: Storage, root: str) -> None:
    expected = train()
    store = Checkpoints(storage, root, "a-work-key", keep=2)

    class Dying:
        newest = staticmethod(store.newest)

        def save(self, *state: Any) -> None:
            store.save(*state)
            if state[0] == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(checkpoints=Dying())
    assert store.steps() == [3, 6]
    assert same(train(checkpoints=store), expected)


def test_checkpoints_do_not_change_a_run_and_a_seed_does() -> None:
    expected = train()
    assert same(train(checkpoints=MemoryCheckpoints()), expected)
    assert not same(train(changed(seed=1)), expected)
