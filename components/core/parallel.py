"""Where tensors live, which process this is, and the random streams that follow from both."""

import hashlib
import os

import torch


def device() -> torch.device:
    """The device that models run on: this process's GPU where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def rank() -> int:
    """This process's number among all that train together (torchrun's RANK), 0 when alone."""
    return int(os.environ.get("RANK", "0"))


def stream(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator that depends on the seed, the purpose and this process's rank only.

    Every use of chance draws from a stream named after what it is for and the step it is at:
    ``stream(seed, "rollout", 7)``. So a resumed run needs no generator state: the step is enough.
    """
    name = "/".join(str(part) for part in (seed, rank(), *purpose))
    digest = hashlib.sha256(name.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
