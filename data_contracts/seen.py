"""What has been seen before: uniqueness over any number of rows, in bounded memory."""

from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt

from data_contracts.mapped import release

Hashes = npt.NDArray[np.uint64]

#: Most hashes in memory between two calls (8 MiB); a block of more than half as many goes to disk.
HELD = 1 << 20
#: Hashes of each block that a merge on disk takes at a time.
PIECE = 1 << 15
#: Hashes looked up in a file before its pages are let go. The kernel maps more than is asked for:
#: about 1 MiB a hash in a file of gigabytes.
LOOKUPS = 1 << 8


class Seen:
    """A growing set of 64-bit hashes, of which at most ``HELD`` are in memory.

    Kept as sorted blocks without a common hash. New ones are merged with those that are at most
    twice their size, so each block is more than twice the next, and there are about log2(n) of
    them. Blocks of more than ``HELD / 2`` hashes are temporary files without a name, which go with
    the object; few rows never touch the disk.

    What remains: a call takes memory for its own hashes, up to ``HELD`` more while blocks are
    merged in memory, and ``PIECE`` of each block while they are merged on disk. Files take 8 bytes
    a hash in the directory for temporary files (``TMPDIR``), up to twice that during a merge; where
    that directory is itself in memory, so are they. The pages that ``LOOKUPS`` hashes touch count
    as the process's while they are looked up (on Linux; elsewhere until the system wants them
    back): 0.03 GB with 30 million hashes, 0.3 GB with 300 million. They are pages of the file
    cache, which the system takes back when it needs memory; then a search reads from the disk.

    Two different values share a hash with a chance of n^2 / 2^65: one in 400,000 for ten million
    rows.
    """

    def __init__(self) -> None:
        self._blocks: list[Hashes] = []

    def add(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which of these were seen before, in an earlier call or earlier in this one (n,)."""
        # Sorted: neighbours are searched for in the same pages.
        fresh, first = np.unique(hashes, return_index=True)
        for block in self._blocks:
            new = _new(block, fresh)
            fresh, first = fresh[new], first[new]
        repeats = np.ones(len(hashes), np.bool_)
        repeats[first] = False
        self._keep(fresh)
        return repeats

    def _keep(self, block: Hashes) -> None:
        """Add a sorted block of hashes that no other has."""
        merged, size = [block], len(block)
        while self._blocks and len(self._blocks[-1]) <= 2 * size:
            merged.append(self._blocks.pop())
            size += len(merged[-1])
        if size > HELD // 2:
            self._blocks.append(_stored(_pieces(merged)))
        elif size:
            joined = np.concatenate(merged)
            joined.sort()
            self._blocks.append(joined)


def _new(block: Hashes, hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Which of these sorted hashes a block does not have (n,)."""
    new = np.empty(len(hashes), np.bool_)
    for start in range(0, len(hashes), LOOKUPS):
        part = hashes[start : start + LOOKUPS]
        places = np.searchsorted(block, part)
        new[start : start + LOOKUPS] = block[np.minimum(places, len(block) - 1)] != part
        release(block)
    return new


def _pieces(blocks: list[Hashes]) -> Iterator[Hashes]:
    """The hashes of sorted blocks in ascending order, up to ``PIECE`` of each at a time."""
    while blocks := [block for block in blocks if len(block)]:
        heads = [block[:PIECE] for block in blocks]
        until = min(head[-1] for head in heads)  # up to here, no block has more than its head
        counts = [int(np.searchsorted(head, until, side="right")) for head in heads]
        piece = np.concatenate([head[:n] for head, n in zip(heads, counts, strict=True)])
        piece.sort()
        yield piece
        for block in blocks:
            release(block)
        blocks = [block[n:] for block, n in zip(blocks, counts, strict=True)]


def _stored(pieces: Iterable[Hashes]) -> Hashes:
    """An array in a file that nothing but this array holds."""
    with TemporaryFile(prefix="instructflow-") as file:
        for piece in pieces:
            file.write(piece.data)
        file.flush()
        return np.asarray(np.memmap(file, np.uint64, "r"))
