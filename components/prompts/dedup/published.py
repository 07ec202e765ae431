"""Signatures as they are published (contract ``signatures``), and as a table and a file."""

import base64
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from components.core.errors import BadInput
from components.core.records import Signature
from components.prompts.dedup.signatures import NO_QUERY, SCHEME, Signatures
from components.prompts.tables import Tables
from components.prompts.working_rows import Vectors

_ROWS = 1 << 12
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
    source, first = iter(rows), 0
    while some := list(islice(source, _ROWS)):
        values = [_decoded(row, number, bins) for number, row in enumerate(some, first)]
        signatures.extend(np.frombuffer(b"".join(values), np.uint8).reshape(-1, bins))
        tables.append("published", {
            "number": np.arange(first, first + len(some)),
            "id": [row.id for row in some],
            "digest": [bytes.fromhex(row.digest) for row in some],
            "query_digest": [bytes.fromhex(row.query) or NO_QUERY for row in some],
            "length": [row.length for row in some],
            "words": [row.words for row in some],
        })  # fmt: skip
        first += len(some)
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
