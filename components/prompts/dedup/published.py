"""Signatures as they are published (contract ``signatures``), and the same as columns."""

import base64
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core.errors import BadInput
from components.core.records import Signature, Split
from components.prompts.dedup.shingles import Rows
from components.prompts.dedup.signatures import DTYPE, SCHEME, Keys, Signatures

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_ROWS = 1 << 14
_NO_QUERY = "00" * 16


@dataclass(frozen=True)
class Published:
    """Rows of ``signatures`` in columns. Legend: n rows."""

    #: Strings, length n.
    ids: pa.ChunkedArray
    #: Places in ``SPLITS``, shape (n,).
    splits: npt.NDArray[np.int8]
    #: As ``signatures.digests`` gives them, shape (n, 2); zeros where there is no query.
    digests: Keys
    queries: Keys
    #: Characters and words, shape (n,).
    lengths: Rows
    words: Rows
    #: Shape (n, bins), in a file.
    signatures: Signatures


def encoded(signatures: Signatures) -> list[str]:
    """Signatures as the text in which they are published."""
    return [base64.b64encode(row).decode("ascii") for row in signatures]


def columns(rows: Iterable[Signature], bins: int, folder: Path) -> Published:
    """Read published rows, in their order; the signatures go to a file in ``folder``.

    Raises BadInput where a signature is of another scheme or size than this code writes.
    """
    ids: list[str] = []
    chunks: list[pa.Array] = []
    splits, digests, queries, sizes = bytearray(), bytearray(), bytearray(), array("q")
    path = folder / "earlier-signatures"
    with path.open("wb") as file:
        for number, row in enumerate(rows):
            file.write(_decoded(row, number, bins))
            ids.append(row.id)
            if len(ids) == _ROWS:
                chunks.append(pa.array(ids, pa.large_string()))
                ids = []
            splits.append(SPLITS.index(row.split))
            digests += bytes.fromhex(row.digest)
            queries += bytes.fromhex(row.query or _NO_QUERY)
            sizes.extend((row.length, row.words))
    chunks.append(pa.array(ids, pa.large_string()))
    shape = (len(splits), bins)
    lengths, words = np.frombuffer(sizes, dtype=np.int64).reshape(-1, 2).T
    return Published(
        pa.chunked_array(chunks),
        np.frombuffer(splits, dtype=np.int8),
        np.frombuffer(digests, dtype="<u8").reshape(-1, 2),
        np.frombuffer(queries, dtype="<u8").reshape(-1, 2),
        lengths,
        words,
        np.memmap(path, DTYPE, "r", shape=shape) if len(splits) else np.empty(shape, DTYPE),
    )


def _decoded(row: Signature, number: int, bins: int) -> bytes:
    if row.scheme != SCHEME:
        raise BadInput(
            f"signatures: row {number}: scheme: '{row.scheme}'; expected '{SCHEME}'. Signatures of "
            "another scheme cannot be compared: publish that round's prompts again, or leave its "
            "signatures out"
        )
    values = base64.b64decode(row.signature)
    if len(values) != bins:
        raise BadInput(
            f"signatures: row {number}: signature: {len(values)} bins; expected {bins} "
            "(dedup.bins), the same as in the earlier round"
        )
    return values
