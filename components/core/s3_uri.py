"""Addresses of objects, ``s3://bucket/key``, and what a listing says of one."""

from dataclasses import dataclass
from datetime import datetime

from components.core.errors import BadInput


def split(uri: str, *, prefix: bool = False) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``; with ``prefix`` the key may be empty."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not (key or prefix) or "#sha256=" in key:
        raise BadInput(f"{uri!r} is not the URI of an object; expected s3://bucket/key")
    return bucket, key


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One listed object: size in bytes, time of its last write (with time zone)."""

    uri: str
    size: int
    modified: datetime
