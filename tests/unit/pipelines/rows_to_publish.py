"""Rows of files to publish, and what became of them."""

import json
from collections import Counter
from typing import Any

from components.core.dataset import open_manifest, read_records
from components.core.records import (
    Record,
    Reject,
)
from components.core.storage import Storage
from pipelines.publish import PublishResult

SECRET = "Zanzibar-4711"
MAPPED = ["id=key", "user_id=who", "messages=ask"]


def row(number: int, **change: Any) -> dict[str, Any]:
    return {"key": f"k{number}", "who": f"u{number}", "ask": f"Why {number}?"} | change


def lines(*rows: Any) -> bytes:
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in rows)


def rejects(storage: Storage, result: PublishResult) -> list[tuple[int, str]]:
    assert result.rows_in == result.rows_out + sum(result.rejected.values())
    assert open_manifest(storage, result.reference).rows == result.rows_out
    if not result.rejects:
        assert result.rejected == {}
        return []
    rows = list(read_records(storage, result.rejects, Reject))
    assert Counter(reject.reason for reject in rows) == result.rejected
    assert SECRET not in repr(rows)
    return [(reject.row, reject.reason) for reject in rows]


def rows_of(storage: Storage, result: PublishResult, record: type[Record]) -> list[Any]:
    return list(read_records(storage, result.reference, record))
