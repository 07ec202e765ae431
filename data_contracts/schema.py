"""From a contract to Arrow's types: what the Parquet shards of a dataset look like.

Every Arrow field is nullable, also where the contract says otherwise: a null that must not be there
has to reach the validator, which names its row, and not fail in the Parquet writer, which does not.
"""

import pyarrow as pa

from data_contracts.contract import Contract, Field

_SCALARS = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


def arrow_schema(contract: Contract) -> pa.Schema:
    """The schema of a contract's shards; columns in the contract's order."""
    return pa.schema([_field(field) for field in contract.fields])


def _field(field: Field) -> pa.Field:
    return pa.field(field.name, _type(field))


def _type(field: Field) -> pa.DataType:
    if field.type == "list":
        assert field.items is not None
        return pa.list_(pa.field("element", _type(field.items)))
    if field.type == "record":
        return pa.struct([_field(part) for part in field.fields])
    return _SCALARS[field.type]
