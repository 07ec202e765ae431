"""Objects on S3: the only module that imports boto3.

Endpoint, region and credentials come from the environment variables that every S3 tool reads
(``AWS_ENDPOINT_URL``, ``AWS_DEFAULT_REGION``, ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``),
and so do botocore's own knobs (``AWS_MAX_ATTEMPTS``, ``AWS_RETRY_MODE``,
``AWS_REQUEST_CHECKSUM_CALCULATION``, ``AWS_RESPONSE_CHECKSUM_VALIDATION``).

What fails leaves as a ``StorageError`` that says what to mend and never holds a secret.
"""

import contextlib
import os
import random
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import boto3
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore import exceptions as faults
from botocore.config import Config as ClientConfig
from s3transfer.exceptions import RetriesExceededError

from components.core.errors import BadInput
from components.core.s3_uri import ObjectInfo as ObjectInfo
from components.core.s3_uri import split
from components.core.scrub import without_secrets
from components.core.storage_errors import BucketIsThere, Conflict, NotAllowed, translate
from components.core.storage_errors import MissingBucket as MissingBucket
from components.core.storage_errors import MissingKey as MissingKey
from components.core.storage_errors import PreconditionFailed as PreconditionFailed
from components.core.storage_errors import StorageError as StorageError
from components.core.storage_errors import Unreachable as Unreachable
from components.core.storage_errors import WrongCredentials as WrongCredentials

T = TypeVar("T")

MiB = 1024 * 1024
#: Tries for one request, the first included. Waits grow as 2^n seconds (at most 20) times a
#: uniform random number (botocore's standard mode), so that is half a minute of outage.
ATTEMPTS = 6
#: A transfer holds at most about (threads + 10) parts and 64 pieces of 256 KiB: under 200 MB,
#: whatever the size of the file. Parts grow beyond 8 MiB only past 80 GB (10,000 parts at most).
#: The classic client, because awscrt ignores ``endpoint_url`` (boto3 issue 4839).
TRANSFER = TransferConfig(
    multipart_threshold=16 * MiB,
    multipart_chunksize=8 * MiB,
    max_concurrency=8,
    io_chunksize=256 * 1024,
    max_io_queue=64,
    preferred_transfer_client="classic",
)
#: Faults of a stream that was cut while it was read: botocore retries requests, not their bodies.
_CUT = (
    faults.ReadTimeoutError,
    faults.ResponseStreamingError,
    faults.IncompleteReadError,
    faults.FlexibleChecksumError,
)
_WRAPPED = (S3UploadFailedError, RetriesExceededError)
_SHA256: dict[str, str] = {"ChecksumAlgorithm": "SHA256"}


class Storage:
    """Objects by ``s3://bucket/key``. Threads may share one; processes make their own."""

    def __init__(
        self,
        endpoint: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        *,
        region: str | None = None,
        attempts: int | None = None,
        timeout: float = 60.0,
    ) -> None:
        """Everything that is not given comes from the environment. ``timeout``: seconds, of a read.

        Nothing is sent yet: a wrong endpoint or credential shows with the first request.
        """
        retries: dict[str, Any] = {}
        if attempts is not None or "AWS_MAX_ATTEMPTS" not in os.environ:
            retries["total_max_attempts"] = attempts or ATTEMPTS
        if "AWS_RETRY_MODE" not in os.environ:
            retries["mode"] = "standard"
        region = region or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
        wanted = endpoint or os.environ.get("AWS_ENDPOINT_URL", "")
        config = ClientConfig(
            retries=retries,  # type: ignore[arg-type]
            connect_timeout=min(10.0, timeout),
            read_timeout=timeout,
            max_pool_connections=16,
            # A proxy that this machine is set up for does not lead back to this machine.
            proxies={} if "//127.0.0.1:" in wanted or "//localhost:" in wanted else None,
        )
        keys: Any = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
        try:
            self._client: Any = boto3.session.Session().client(
                "s3", endpoint_url=endpoint, region_name=region, config=config, **keys
            )
        except (ValueError, faults.BotoCoreError) as error:
            why = without_secrets(str(error))
            raise StorageError(f"the S3 settings (AWS_*) cannot be used: {why}") from None
        #: For messages: without a ``user:password@`` that somebody put into the address.
        self.endpoint = re.sub(r"//\S*@", "//", self._client.meta.endpoint_url)

    @classmethod
    def from_environment(cls) -> Self:
        """The storage that ``AWS_*`` and ``AWS_ENDPOINT_URL`` name."""
        return cls()

    def check(self) -> None:
        """One signed request: raises Unreachable or WrongCredentials where S3 cannot be used."""
        try:
            self._call(self.endpoint, lambda: self._client.list_buckets())
        except WrongCredentials as error:
            # A known key that may not list all buckets is as good as any.
            if not isinstance(error, NotAllowed):
                raise

    def put_bytes(self, uri: str, data: bytes, *, if_absent: bool = False) -> None:
        """Write one object in one request.

        With ``if_absent``, of any number of writers exactly one succeeds and all others get
        PreconditionFailed.
        """
        bucket, key = split(uri)
        extra: dict[str, Any] = dict(self._checksum())
        # The answer to a write that succeeded can be lost, and botocore's next try then meets our
        # own object. The mark tells that apart from somebody else's object.
        mark = uuid.uuid4().hex
        if if_absent:
            extra |= {"IfNoneMatch": "*", "Metadata": {"write-id": mark}}

        def put() -> None:
            self._client.put_object(Bucket=bucket, Key=key, Body=data, **extra)

        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._call(uri, put)
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
                _pause(attempt)
            except PreconditionFailed:
                if self._head(uri).get("Metadata", {}).get("write-id") != mark:
                    raise
                return None
        return None

    def get_bytes(self, uri: str) -> bytes:
        """Read one whole object into memory; a stream that is cut is asked for again."""
        bucket, key = split(uri)
        request = partial(self._client.get_object, Bucket=bucket, Key=key)
        for attempt in range(1, ATTEMPTS + 1):
            body = self._call(uri, request)["Body"]
            try:
                return bytes(self._call(uri, body.read, _CUT if attempt < ATTEMPTS else ()))
            except _CUT:
                _pause(attempt)
        raise AssertionError("the last attempt returns or raises")

    def put_file(self, path: Path, uri: str) -> None:
        """Upload a file: in checksummed parts where it is large, with bounded memory."""
        bucket, key = split(uri)
        if not path.is_file():
            raise BadInput(f"{path}: no such file to upload to {uri}")
        self._call(
            uri,
            lambda: self._client.upload_file(
                str(path), bucket, key, ExtraArgs=dict(self._checksum()), Config=TRANSFER
            ),
        )

    def get_file(self, uri: str, path: Path) -> None:
        """Download to a file, with bounded memory. The file appears only when it is whole."""
        bucket, key = split(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with part.open("xb") as file:
                self._call(
                    uri, lambda: self._client.download_fileobj(bucket, key, file, Config=TRANSFER)
                )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def exists(self, uri: str) -> bool:
        """Whether there is such an object. Raises MissingBucket where not even the bucket is."""
        try:
            self._head(uri)
        except MissingKey:
            return False
        return True

    def size(self, uri: str) -> int:
        """Bytes of an object. Raises MissingKey."""
        return int(self._head(uri)["ContentLength"])

    def list(self, prefix_uri: str) -> Iterator[ObjectInfo]:
        """All objects whose URI starts with the prefix, in the order of their keys."""
        bucket, prefix = split(prefix_uri, prefix=True)
        pages = iter(
            self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        )
        while (page := self._call(prefix_uri, lambda: next(pages, None))) is not None:
            for item in page.get("Contents", []):
                yield ObjectInfo(
                    uri=f"s3://{bucket}/{item['Key']}",
                    size=item["Size"],
                    modified=item["LastModified"],
                )

    def delete(self, uris: Iterable[str]) -> None:
        """Delete objects, a thousand a request. One that is not there is not an error."""
        by_bucket: dict[str, list[str]] = {}
        for uri in uris:
            bucket, key = split(uri)
            by_bucket.setdefault(bucket, []).append(key)
        for bucket, keys in by_bucket.items():
            for first in range(0, len(keys), 1000):
                batch = {"Objects": [{"Key": key} for key in keys[first : first + 1000]]}
                request = partial(self._client.delete_objects, Bucket=bucket, Delete=batch)
                for failed in self._call(f"s3://{bucket}/", request).get("Errors", []):
                    raise StorageError(
                        f"s3://{bucket}/{failed.get('Key')}: not deleted ({failed.get('Code')})"
                    )

    def ensure_bucket(self, name: str) -> None:
        """Create the bucket where it is not there."""
        uri = f"s3://{name}/"
        try:
            self._call(uri, lambda: self._client.head_bucket(Bucket=name))
            return
        except (MissingKey, MissingBucket):
            pass
        extra: dict[str, Any] = {}
        region = self._client.meta.region_name
        if region not in ("us-east-1", "aws-global", None):
            extra["CreateBucketConfiguration"] = {"LocationConstraint": region}
        # Two of us may create it at once; the one that comes second is content as well.
        with contextlib.suppress(BucketIsThere):
            self._call(uri, lambda: self._client.create_bucket(Bucket=name, **extra))

    def _head(self, uri: str) -> dict[str, Any]:
        bucket, key = split(uri)
        answer = self._call(uri, lambda: self._client.head_object(Bucket=bucket, Key=key))
        return dict(answer)

    def _checksum(self) -> dict[str, str]:
        """SHA256 beside the data, which S3 verifies and stores. Stores that know no checksums are
        served by the standard AWS_REQUEST_CHECKSUM_CALCULATION=when_required."""
        config: Any = self._client.meta.config
        return {} if config.request_checksum_calculation == "when_required" else _SHA256

    def _call(
        self, uri: str, request: Callable[[], T], passing: tuple[type[Exception], ...] = ()
    ) -> T:
        """Run a request; boto3's exceptions leave as StorageErrors, but for ``passing``."""
        try:
            return request()
        except passing:
            raise
        except (faults.BotoCoreError, faults.ClientError, *_WRAPPED) as error:
            clear = translate(uri, self.endpoint, error)
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            if isinstance(clear, MissingKey) and key:
                # The answer to HEAD has no body, so a missing bucket looks like a missing key.
                # Whoever may read objects need not have the right to ask about the bucket.
                with contextlib.suppress(NotAllowed):
                    self._call(f"s3://{bucket}/", lambda: self._client.head_bucket(Bucket=bucket))
            # No cause: botocore's tracebacks hold request headers.
            raise clear from None


def _pause(attempt: int) -> None:
    """Wait as botocore's standard mode does: 2^n seconds, at most 20, times a random number."""
    time.sleep(random.random() * min(2 ** (attempt - 1), 20))
