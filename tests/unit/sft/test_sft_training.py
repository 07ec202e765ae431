"""What supervised tuning optimises, by hand; which weights it keeps; and that it can be resumed."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from small_models import EOS, PAD, MemoryCheckpoints, random_rows, small_policy
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from components.core.checkpoint import Checkpoints
from components.core.errors import UserError
from components.core.storage import Storage
from components.sft.config import SftConfig
from components.sft.rows import Row, Rows
from components.sft.training import SftHistory, response_loss, set_residual_dropout, train_sft

CONFIG = SftConfig(
    epochs=3, batch_size=4, learning_rate=1e-3, residual_dropout=0.0, checkpoint_every=2
)


def pairs(count: int, seed: int = 0) -> list[Row]:
    prompts = random_rows(count, 2, 9, seed=seed)
    responses = random_rows(count, 1, 9, seed=seed + 100)
    return [(p, [*r, EOS]) for p, r in zip(prompts, responses, strict=True)]


def documents(count: int) -> list[Row]:
    return [(row[:1], row[1:]) for row in random_rows(count, 4, 12, seed=7)]


def rows(train: int = 10, validation: int = 4, mixed: int = 5) -> Rows:
    return Rows(pairs(train), pairs(validation, seed=50), documents(mixed), 0)


def train(
    config: SftConfig = CONFIG,
    data: Rows | None = None,
    checkpoints: Any = None,
    report: Any = None,
) -> tuple[PreTrainedModel, SftHistory]:
    model = small_policy()
    history = train_sft(
        model, data or rows(), config, pad_id=PAD, checkpoints=checkpoints, report=report
    )
    return model, history


def changed(**values: Any) -> SftConfig:
    return SftConfig.from_mapping(CONFIG.model_dump() | values)


def same(one: tuple[PreTrainedModel, SftHistory], two: tuple[PreTrainedModel, SftHistory]) -> bool:
    weights, others = one[0].state_dict(), two[0].state_dict()
    return one[1] == two[1] and all(torch.equal(weights[name], others[name]) for name in weights)


@torch.no_grad()
def loss_by_hand(model: PreTrainedModel, data: list[Row]) -> float:
    """Row by row with the whole model: mean of -log p over response tokens, prompts left out."""
    total, count = 0.0, 0
    for prompt, response in data:
        logits = model(input_ids=torch.tensor([prompt + response])).logits[0]
        logs = torch.log_softmax(logits.double(), dim=-1)
        for place, token in enumerate(response, start=len(prompt)):
            total -= float(logs[place - 1, token])
            count += 1
    return total / count


# --- the loss


def test_the_loss_is_of_answers_only_and_a_mean_over_tokens() -> None:
    data = pairs(7)
    model = small_policy()
    by_hand = loss_by_hand(model, data)
    assert response_loss(model, data, CONFIG, PAD) == pytest.approx(by_hand, abs=1e-5)
    # All rows are one batch: the first update's loss is that of the untouched model.
    one_batch = changed(batch_size=7, epochs=1)
    _, history = train(one_batch, Rows(data, pairs(3, seed=50), [], 0))
    assert history.loss == pytest.approx([by_hand], abs=1e-5)
    assert history.validation[0] == pytest.approx(
        loss_by_hand(small_policy(), pairs(3, seed=50)), abs=1e-5
    )


def test_the_mix_adds_whole_documents_to_each_update() -> None:
    data = pairs(4)
    (document,) = documents(1)
    mixed = changed(batch_size=4, epochs=1, pretraining_mix=0.5)
    _, history = train(mixed, Rows(data, pairs(2, seed=50), [document], 0))
    by_hand = loss_by_hand(small_policy(), [*data, document, document])
    assert history.loss == pytest.approx([by_hand], abs=1e-5)


def test_without_a_mix_documents_change_nothing_and_with_one_they_do() -> None:
    none = Rows(rows().train, rows().validation, [], 0)
    assert same(train(CONFIG, rows()), train(CONFIG, none))
    mixed = changed(pretraining_mix=0.5)
    assert not same(train(mixed, rows()), train(mixed, none))


def test_microbatches_are_for_memory_only() -> None:
    mixed = {"pretraining_mix": 0.5, "epochs": 2}
    _, whole = train(changed(microbatch_size=32, **mixed))
    _, single = train(changed(microbatch_size=1, **mixed))
    assert single.loss == pytest.approx(whole.loss, abs=1e-4)
    assert single.validation == pytest.approx(whole.validation, abs=1e-4)


# --- the learning rate


@pytest.fixture
def rates() -> Iterator[list[float]]:
    """The learning rate of each optimizer step."""
    seen: list[float] = []

    def note(optimizer: Any, *_: Any) -> None:
        seen.append(optimizer.param_groups[0]["lr"])

    hook = register_optimizer_step_pre_hook(note)
    yield seen
    hook.remove()


def test_the_learning_rate_is_a_cosine_down_to_a_tenth(rates: list[float]) -> None:
    train(changed(batch_size=2, epochs=1, learning_rate=2.0e-3))  # 10 rows: 5 updates
    # 0.1 + 0.9 (1 + cos(pi t)) / 2 at t = 0, 1/4, 1/2, 3/4, 1, by hand.
    quarter = 0.45 * math.sqrt(0.5)
    assert rates == pytest.approx(
        [2e-3 * share for share in (1.0, 0.55 + quarter, 0.55, 0.55 - quarter, 0.1)]
    )


def test_the_cosine_runs_over_all_epochs(rates: list[float]) -> None:
    train(changed(batch_size=3, epochs=4))  # 10 rows: 4 updates an epoch
    assert len(rates) == 16
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[-1]) == (pytest.approx(1e-3), pytest.approx(1e-4))


# --- dropout


def test_dropout_is_on_the_residual_branches_only() -> None:
    model = small_policy()
    set_residual_dropout(model, 0.2)
    rates = {n: m.p for n, m in model.named_modules() if isinstance(m, nn.Dropout)}
    residual = {f"transformer.h.{n}.{part}" for n in (0, 1) for part in ("attn.resid_dropout",
                "mlp.dropout")}  # fmt: skip
    assert {name for name, p in rates.items() if p == 0.2} == residual
    assert {p for name, p in rates.items() if name not in residual} == {0.0}
    assert len(rates) > len(residual)  # embeddings and attention weights have dropouts, too


def test_a_model_without_residual_dropout_is_named() -> None:
    sizes = {"vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    llama = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=1))
    with pytest.raises(UserError, match="LlamaForCausalLM has no residual dropout; set sft"):
        set_residual_dropout(llama, 0.2)
    set_residual_dropout(llama, 0.0)


def test_dropout_trains_only_and_leaves_the_global_stream_alone() -> None:
    dropped = changed(residual_dropout=0.5)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    model, history = train(dropped)
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training
    plain = train(CONFIG)[1]
    assert history.loss[0] != plain.loss[0]
    # The base model is validated without dropout.
    assert history.validation[0] == plain.validation[0]


# --- what is kept


def contradictory() -> Rows:
    """Answers that validation contradicts: after a while every epoch makes it worse."""
    prompts = random_rows(6, 4, 6)
    good, bad = random_rows(2, 5, 5, seed=3)
    return Rows([(p, [*good, EOS]) for p in prompts], [(p, [*bad, EOS]) for p in prompts], [], 0)


def test_the_epoch_that_validates_best_is_kept() -> None:
    config = changed(epochs=12, learning_rate=1e-2)
    data = contradictory()
    model, history = train(config, data)
    assert len(history.validation) == 13  # the base model's, and one an epoch
    assert len(history.loss) == 12 * 2
    best = min(history.validation[1:])
    assert history.validation[history.best_epoch] == best
    assert best < history.validation[-1] - 0.1  # later epochs overfit, or this shows nothing
    assert response_loss(model, data.validation, config, PAD) == pytest.approx(best, abs=1e-6)
    assert not model.training


def test_the_base_model_itself_is_never_kept() -> None:
    """Where every epoch is worse than the base, the least bad one is the result."""
    history = SftHistory(loss=[1.0] * 3, validation=[0.5, 0.9, 0.7, 0.8])
    assert history.best_epoch == 2
    assert SftHistory(validation=[1.0, 0.3, 0.3]).best_epoch == 1  # the earlier of equals


def test_training_learns_its_demonstrations() -> None:
    _, history = train(changed(epochs=20, learning_rate=1e-2))
    assert history.loss[-1] < 0.5 * history.loss[0]


def test_every_update_is_reported_and_validation_after_each_epoch() -> None:
    told: list[tuple[int, int, dict[str, float]]] = []
    _, history = train(report=lambda *update: told.append(update))  # 10 rows by 4: 3 an epoch
    assert [(done, total) for done, total, _ in told] == [(n, 9) for n in range(1, 10)]
    assert [figures["loss"] for _, _, figures in told] == history.loss
    validated = {done: figures["validation_loss"] for done, _, figures in told
                 if "validation_loss" in figures}  # fmt: skip
    assert validated == dict(zip((3, 6, 9), history.validation[1:], strict=True))


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    model = small_policy()
    with torch.no_grad():
        model.get_output_embeddings().weight[5].fill_(math.nan)
    with pytest.raises(UserError, match=r"sft: the loss is nan at update 0; lower sft\.learning"):
        train_sft(model, rows(), CONFIG, pad_id=PAD)


# --- killed and resumed

RESUMED = changed(residual_dropout=0.2, pretraining_mix=0.5, epochs=4)


@pytest.mark.parametrize("saves", [1, 2, 3, 5])
def test_killed_and_resumed_equals_uninterrupted(saves: int) -> None:
    """3 updates an epoch, a save every 2: within epochs and at their ends."""
    expected = train(RESUMED)
    store = MemoryCheckpoints(stop_after=saves)
    with pytest.raises(KeyboardInterrupt):
        train(RESUMED, checkpoints=store)
    assert store.newest().step == 2 * saves
    torch.manual_seed(999)  # a new process has another global state
    assert same(train(RESUMED, checkpoints=store), expected)


def test_the_best_weights_survive_a_kill() -> None:
    """Killed after the best epoch: its weights are in the checkpoint, and are the result."""
    config = changed(epochs=12, learning_rate=1e-2)
    expected = train(config, contradictory())
    store = MemoryCheckpoints(stop_after=11)
    with pytest.raises(KeyboardInterrupt):
        train(config, contradictory(), store)
    assert store.newest().step > 2 * expected[1].best_epoch
    assert same(train(config, contradictory(), store), expected)


def test_checkpoints_on_s3_resume_to_the_bit(storage: Storage, root: str) -> None:
    expected = train(RESUMED)
    store = Checkpoints(storage, root, "a-work-key", keep=2)

    class Dying:
        newest = staticmethod(store.newest)

        def save(self, *state: Any) -> None:
            store.save(*state)
            if state[0] == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(RESUMED, checkpoints=Dying())
    assert store.steps() == [4, 6]
    assert same(train(RESUMED, checkpoints=store), expected)


def test_checkpoints_do_not_change_a_run_and_a_seed_does() -> None:
    expected = train(RESUMED)
    assert same(train(RESUMED, checkpoints=MemoryCheckpoints()), expected)
    none = MemoryCheckpoints()
    train(changed(checkpoint_every=0), checkpoints=none)
    assert none.newest() is None
    other = SftConfig.from_mapping(RESUMED.model_dump() | {"seed": 1})
    assert not same(train(other), expected)
