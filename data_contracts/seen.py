"""What has been seen before: uniqueness over any number of shards at 8 bytes a row."""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


class Seen:
    """A growing set of 64-bit hashes.

    Kept as sorted blocks that are merged when they reach one another's size, so there are about
    log2(n) of them. Two different values share a hash with a chance of n^2 / 2^65: one in 400,000
    for ten million rows.
    """

    def __init__(self) -> None:
        self._blocks: list[Hashes] = []

    def add(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which of these were seen before, in an earlier call or earlier in this one (n,)."""
        fresh, first = np.unique(hashes, return_index=True)
        repeats = np.ones(len(hashes), np.bool_)
        repeats[first] = False
        for block in self._blocks:
            places = np.searchsorted(block, hashes)
            found = block[np.minimum(places, len(block) - 1)] == hashes
            repeats |= found
        self._merge(fresh)
        return repeats

    def _merge(self, block: Hashes) -> None:
        if not len(block):
            return
        while self._blocks and len(self._blocks[-1]) <= 2 * len(block):
            block = np.union1d(self._blocks.pop(), block)
        self._blocks.append(block)
