import pytest
import torch

from components.core.parallel import stream
from components.core.schedules import MovingAverage, cosine, warm_up
from components.core.training_state import (
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)


def test_cosine_goes_from_one_to_its_end():
    assert [cosine(step, 5, 0.1) for step in (0, 2, 4)] == pytest.approx([1.0, 0.55, 0.1])
    assert cosine(9, 5, 0.1) == pytest.approx(0.1)
    assert cosine(0, 1, 0.1) == 1.0


def test_warm_up_is_linear_then_constant():
    assert [warm_up(step, 10, 0.1) for step in (0, 5, 10, 400)] == pytest.approx([0.1, 0.55, 1, 1])
    assert warm_up(0, 0, 0.1) == 1.0


def test_moving_average_by_hand_and_swap():
    weight = torch.tensor([1.0])
    average = MovingAverage([weight], 0.9)
    weight.fill_(2.0)
    average.update([weight])
    torch.testing.assert_close(average.weights[0], torch.tensor([1.1]))
    average.swap([weight])
    torch.testing.assert_close(weight, torch.tensor([1.1]))
    average.swap([weight])
    assert weight.item() == 2.0


def test_detail_17_streams_differ_by_seed_purpose_step_and_rank(monkeypatch):
    def first(*name):
        return torch.rand(3, generator=stream(*name)).tolist()

    drawn = [first(0, "a"), first(1, "a"), first(0, "b"), first(0, "a", 1)]
    monkeypatch.setenv("RANK", "1")
    drawn.append(first(0, "a"))
    assert len({tuple(values) for values in drawn}) == 5
    monkeypatch.setenv("RANK", "0")
    assert first(0, "a") == drawn[0]


def test_training_state_round_trip():
    def make(seed):
        torch.manual_seed(seed)
        model = torch.nn.Linear(3, 2)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)

    def step(model, optimizer):
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    model, optimizer = make(0)
    step(model, optimizer)
    tensors = {
        name: value.clone()
        for name, value in (module_state("m", model) | optimizer_state("o", optimizer)).items()
    }
    other, other_optimizer = make(1)
    load_module("m", other, tensors)
    load_optimizer("o", other_optimizer, tensors)
    step(model, optimizer)
    step(other, other_optimizer)
    assert torch.equal(model.weight, other.weight)
    assert torch.equal(model.bias, other.bias)
