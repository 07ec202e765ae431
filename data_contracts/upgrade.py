"""Rows of an older version, read as rows of the newest.

They are, where every old row keeps the new version once the columns that it lacks are filled with
their ``default`` (or null), that is where no change breaks writers. Anything else is refused: what
an old row would mean then is not for a reader to guess.
"""

import functools

import pyarrow as pa

from data_contracts.changes import compare
from data_contracts.contract import Contract, load
from data_contracts.errors import ContractError
from data_contracts.schema import arrow_schema


def obstacles(old: Contract, new: Contract) -> list[str]:
    """Why rows of ``old`` cannot be read as rows of ``new``; empty where they can."""
    breaking = [change for change in compare(old, new) if "writers" in change.breaks]
    return [f"{change.path}: {change.what}".removeprefix(": ") for change in breaking]


@functools.cache
def newest(contract: str) -> Contract:
    """The contract as which rows of ``prompts@1`` are read today. Raises ContractError."""
    old = load(contract)
    new = load(old.name)
    if problems := obstacles(old, new):
        raise ContractError(
            f"rows of {old.id} cannot be read as {new.id} ({'; '.join(problems)}); publish them "
            f"again as {new.id}, or use a version of instructflow that reads {old.id}"
        )
    return new


def upgrade(batch: pa.RecordBatch, new: Contract) -> pa.RecordBatch:
    """Rows of an older version in the newest one's schema; what it lacks is filled in."""
    columns = []
    for field, target in zip(new.fields, arrow_schema(new), strict=True):
        if field.name in batch.schema.names:
            # A record's new parts may be null, and a cast fills them so.
            columns.append(batch.column(field.name).cast(target.type))
        else:
            columns.append(pa.array([field.default] * batch.num_rows, target.type))
    return pa.RecordBatch.from_arrays(columns, schema=arrow_schema(new))
