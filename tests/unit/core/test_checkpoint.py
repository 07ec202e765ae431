import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.checkpoint import CheckpointManifest, Checkpoints
from components.core.storage import Storage
from components.core.training_state import (
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)


def state(value: float) -> dict[str, torch.Tensor]:
    return {"w": torch.full((3, 2), value)}


def work(storage: Storage, root: str, keep: int = 2) -> Checkpoints:
    return Checkpoints(storage, root, "work", keep)


def keys(storage: Storage, root: str) -> list[str]:
    return [info.uri.removeprefix(f"{root}/") for info in storage.list(f"{root}/")]


def test_state_comes_back_to_the_bit(storage: Storage, root: str) -> None:
    shared = torch.randn(4, 4)
    tensors = {
        "float32": torch.randn(5, 3),
        "bfloat16": torch.randn(7).to(torch.bfloat16),
        "int64": torch.arange(5),
        "uint8": torch.Generator().manual_seed(3).get_state(),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 4),
        "empty too": torch.empty(0),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "shared": shared,
        "the same again": shared,
        "part of it": shared[1:3],
        "with gradient": torch.ones(2, requires_grad=True),
        "not a number": torch.tensor([math.nan, math.inf]),
    }
    meta = {"order": [3, 1, 2], "big": 2**60, "name": "ü", "none": None, "nested": {"a": [0.1]}}
    work(storage, root).save(7, tensors, meta)
    found = work(storage, root).newest()
    assert found is not None
    assert found.step == 7
    assert found.meta == meta
    assert set(found.tensors) == set(tensors)
    for name, tensor in tensors.items():
        got = found.tensors[name]
        assert got.dtype == tensor.dtype, name
        assert got.shape == tensor.shape, name
        assert torch.equal(torch.nan_to_num(got), torch.nan_to_num(tensor.detach())), name


def test_nothing_saved_is_none(storage: Storage, root: str) -> None:
    assert work(storage, root).newest() is None
    work(storage, root).save(1, state(1), {})
    assert Checkpoints(storage, root, "other work", keep=1).newest() is None


def test_keeps_the_newest_and_prunes_the_rest(storage: Storage, root: str) -> None:
    checkpoints = work(storage, root)
    for step in (5, 10, 100, 1000):
        checkpoints.save(step, state(step), {})
    assert checkpoints.steps() == [100, 1000]
    assert len(keys(storage, root)) == 6
    found = checkpoints.newest()
    assert found is not None
    assert found.tensors["w"][0, 0] == 1000


def test_a_save_that_never_ended_does_not_exist_and_is_swept(storage: Storage, root: str) -> None:
    class Dying(Storage):
        def put_bytes(self, uri: str, data: bytes, **extra: Any) -> None:
            raise KeyboardInterrupt

    work(storage, root).save(5, state(5), {})
    with pytest.raises(KeyboardInterrupt):
        Checkpoints(Dying.from_environment(), root, "work", keep=1).save(6, state(6), {})
    found = work(storage, root).newest()
    assert found is not None
    assert found.step == 5
    assert any("/000000000006/" in key for key in keys(storage, root))
    work(storage, root, keep=1).save(7, state(7), {})
    assert {key.split("/")[2] for key in keys(storage, root)} == {"000000000007"}


@pytest.mark.parametrize("harm", ["flip", "cut", "drop", "manifest"])
def test_a_broken_newest_one_is_skipped(
    storage: Storage, root: str, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = work(storage, root)
    checkpoints.save(5, state(5), {"n": 5})
    checkpoints.save(10, state(10), {"n": 10})
    prefix = f"{root}/checkpoints/work/000000000010"
    (tensors,) = (
        i.uri for i in storage.list(f"{prefix}/") if i.uri.endswith("tensors.safetensors")
    )
    data = storage.get_bytes(tensors)
    if harm == "flip":
        storage.put_bytes(tensors, data[:-1] + bytes([data[-1] ^ 1]))
    elif harm == "cut":
        storage.put_bytes(tensors, data[:-8])
    elif harm == "drop":
        storage.delete([tensors])
    else:
        storage.put_bytes(f"{prefix}/manifest.json", b'{"step": 10')
    found = checkpoints.newest()
    assert found is not None
    assert (found.step, found.meta) == (5, {"n": 5})
    assert "step 10 is skipped" in caplog.text
    # Going on from 5 replaces the broken one.
    checkpoints.save(10, state(11), {"n": 11})
    again = checkpoints.newest()
    assert again is not None
    assert again.meta == {"n": 11}


def test_two_attempts_at_one_step_do_not_mix(storage: Storage, root: str) -> None:
    """A step that was given up still runs: whose manifest comes last, its files are read."""
    first, second = work(storage, root), work(storage, root)
    first.save(5, state(1), {"who": 1})
    second.save(5, state(2), {"who": 2})
    found = first.newest()
    assert found is not None
    assert found.meta == {"who": 2}
    assert found.tensors["w"][0, 0] == 2


def test_clear_leaves_nothing_of_this_work(storage: Storage, root: str) -> None:
    work(storage, root).save(5, state(1), {})
    Checkpoints(storage, root, "work2", keep=1).save(5, state(1), {})
    work(storage, root).clear()
    assert {key.split("/")[1] for key in keys(storage, root)} == {"work2"}


def test_the_manifest_names_what_is_stored(storage: Storage, root: str) -> None:
    work(storage, root).save(5, state(1), {})
    prefix = f"{root}/checkpoints/work/000000000005"
    text = storage.get_bytes(f"{prefix}/manifest.json").decode()
    manifest = CheckpointManifest.from_json(text)
    for file in (manifest.tensors, manifest.meta):
        assert storage.size(f"{prefix}/{file.path}") == file.size


def test_meta_refuses_what_json_cannot_hold(storage: Storage, root: str) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        work(storage, root).save(5, state(1), {"loss": math.nan})
    assert keys(storage, root) == []


@settings(max_examples=5, deadline=None)
@given(cut=st.integers(1, 9))
def test_resumed_equals_uninterrupted(storage: Storage, cut: int) -> None:
    """Training cut at any step and resumed from its checkpoint ends in the same bits."""

    def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
        for step in steps:
            noise = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            (model(noise) ** 2).mean().backward()
            optimizer.step()

    def fresh() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        model = torch.nn.Linear(3, 2)
        with torch.no_grad():
            for weight in model.parameters():
                weight.fill_(0.5)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1, betas=(0.8, 0.95))

    whole, whole_optimizer = fresh()
    train(whole, whole_optimizer, range(10))
    first, first_optimizer = fresh()
    train(first, first_optimizer, range(cut))
    checkpoints = Checkpoints(storage, "s3://instructflow-test/resume", f"cut{cut}", keep=1)
    checkpoints.save(
        cut, module_state("m", first) | optimizer_state("o", first_optimizer), {"step": cut}
    )
    second, second_optimizer = fresh()
    found = checkpoints.newest()
    assert found is not None
    load_module("m", second, found.tensors)
    load_optimizer("o", second_optimizer, found.tensors)
    train(second, second_optimizer, range(found.step, 10))
    for one, other in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_scratch_is_left_clean(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    work(storage, root).save(5, state(1), {})
    assert work(storage, root).newest() is not None
    assert list(tmp_path.iterdir()) == []
