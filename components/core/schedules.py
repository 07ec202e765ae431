"""Learning rates as a fraction of their peak, and moving averages of weights."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def cosine(step: int, total: int, final: float) -> float:
    """From 1 at step 0 along half a cosine to ``final`` at the last of ``total`` steps."""
    progress = min(step / max(total - 1, 1), 1.0)
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))


def warm_up(step: int, steps: int, start: float) -> float:
    """From ``start`` at step 0 in a line to 1 at step ``steps``, then constant."""
    if step >= steps:
        return 1.0
    return start + (1.0 - start) * step / steps


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all of an optimizer's weights."""
    for group in optimizer.param_groups:
        group["lr"] = rate


class MovingAverage:
    """Exponential moving average of weights; starts at the weights themselves."""

    def __init__(self, weights: Iterable[Tensor], decay: float) -> None:
        self.decay = decay
        self.weights = [weight.detach().clone() for weight in weights]

    @torch.no_grad()
    def update(self, weights: Sequence[Tensor]) -> None:
        """average = decay * average + (1 - decay) * weights."""
        for average, weight in zip(self.weights, weights, strict=True):
            average.lerp_(weight.detach(), 1.0 - self.decay)

    @torch.no_grad()
    def swap(self, weights: Sequence[Tensor]) -> None:
        """Exchange the averages with the weights; a second call puts both back."""
        for average, weight in zip(self.weights, weights, strict=True):
            held = weight.detach().clone()
            weight.copy_(average)
            average.copy_(held)
