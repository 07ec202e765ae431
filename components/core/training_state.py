"""The state of training as named tensors: what a checkpoint stores and a resumed run loads.

Random streams and data orders are functions of the seed and the step (``parallel.stream``), so the
step number stands for them; torch's global generator is not used by any training loop.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Saved(Protocol):
    """A checkpoint that was found."""

    @property
    def step(self) -> int: ...
    @property
    def tensors(self) -> Mapping[str, Tensor]: ...
    @property
    def meta(self) -> Mapping[str, Any]: ...


class CheckpointStore(Protocol):
    """Where training state is kept: ``components.core.checkpoint.Checkpoints``, or a test's own."""

    def save(self, step: int, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None: ...
    def newest(self) -> Saved | None: ...


def module_state(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """A module's weights, tied ones once, as ``prefix/name``."""
    return {f"{prefix}/{name}": weight.detach() for name, weight in module.named_parameters()}


@torch.no_grad()
def load_module(prefix: str, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of ``module_state``. Raises KeyError on a missing weight."""
    for name, weight in module.named_parameters():
        weight.copy_(tensors[f"{prefix}/{name}"])


def list_state(prefix: str, weights: Iterable[Tensor]) -> dict[str, Tensor]:
    """Tensors without names, as ``prefix/0`` and on."""
    return {f"{prefix}/{index}": weight.detach() for index, weight in enumerate(weights)}


@torch.no_grad()
def load_list(prefix: str, weights: Iterable[Tensor], tensors: Mapping[str, Tensor]) -> None:
    """The inverse of ``list_state``."""
    for index, weight in enumerate(weights):
        weight.copy_(tensors[f"{prefix}/{index}"])


def optimizer_state(prefix: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's moments and step counts, as ``prefix/<weight number>/<name>``."""
    return {
        f"{prefix}/{index}/{name}": torch.as_tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def load_optimizer(
    prefix: str, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """The inverse of ``optimizer_state``; learning rates and the like stay as they are."""
    whole = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(f"{prefix}/"):
            index, name = key.removeprefix(f"{prefix}/").split("/")
            state.setdefault(int(index), {})[name] = value.clone()
    optimizer.load_state_dict({**whole, "state": state})
