"""Signatures as they are published (contract ``signatures``), and as a table and a file."""

import base64
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.core.errors import BadInput
from components.core.records import Signature
from components.prompts.dedup.signatures import SCHEME, Signatures
from components.prompts.tables import Tables
from components.prompts.working_rows import Vectors

_ROWS = 1 << 12
#: In place of the digest of a query: there is none.
NO_QUERY = bytes(16)
_COLUMNS = "number bigint, id varchar, digest blob, query_digest blob, length bigint, words bigint"


def encoded(signatures: Signatures) -> list[str]:
    """Signatures as the text in which they are published."""
    return [base64.b64encode(row).decode("ascii") for row in signatures]


def stored(rows: Iterable[Signature], bins: int, tables: Tables, folder: Path) -> Vectors:
    """Read published rows into the table ``published``, numbered in their order.

    Returns the signatures by number, in a file of ``folder``. Raises BadInput where a signature is
    of another scheme or size than this code writes.
    """
    tables.create("published", _COLUMNS)
    signatures = Vectors(folder / "published.signatures", bins)
    waiting: list[dict[str, object]] = []
    for number, row in enumerate(rows):
        signatures.extend(np.frombuffer(_decoded(row, number, bins), np.uint8).reshape(1, -1))
        waiting.append(
            {
                "number": number,
                "id": row.id,
                "digest": bytes.fromhex(row.digest),
                "query_digest": bytes.fromhex(row.query) or NO_QUERY,
                "length": row.length,
                "words": row.words,
            }
        )
        if len(waiting) == _ROWS:
            tables.append("published", pa.RecordBatch.from_pylist(waiting))
            waiting = []
    if waiting:
        tables.append("published", pa.RecordBatch.from_pylist(waiting))
    return signatures


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
