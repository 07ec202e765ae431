"""What S3's error answers mean for the person who runs this. Imports no S3 library."""

from collections.abc import Mapping
from typing import Any

from components.core.errors import UserError
from components.core.scrub import without_secrets

SET_CREDENTIALS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
#: What S3 calls an object or bucket that is not there, and credentials it does not take.
_NO_BUCKET = {"NoSuchBucket"}
_NO_KEY = {"NoSuchKey", "404", "NotFound"}
_REFUSED = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "AuthorizationHeaderMalformed",
}
_DENIED = {"AccessDenied", "AllAccessDisabled", "403", "Forbidden"}
#: 409 is AWS's answer while another conditional write of the same key is under way.
_CONFLICT = {"ConditionalRequestConflict", "409"}
_PRECONDITION = {"PreconditionFailed", "412"}


class StorageError(UserError):
    """S3 did not do what was asked; the message says where and what to mend."""


class WrongCredentials(StorageError):
    """The endpoint answers, and refuses these credentials (or there are none)."""


class MissingBucket(StorageError):
    """There is no such bucket."""


class MissingKey(StorageError):
    """There is no such object."""


class Unreachable(StorageError):
    """Nothing answers at the endpoint, or only server errors, after all tries."""


class PreconditionFailed(StorageError):
    """The object is there already, and the write asked for it to be absent."""


class NotAllowed(WrongCredentials):
    """Known credentials without the right to do this."""


class Conflict(PreconditionFailed):
    """Another conditional write of the same key is under way: AWS asks to try again."""


class BucketIsThere(StorageError):
    """A bucket of this name exists."""


def translate(uri: str, endpoint: str, error: BaseException) -> StorageError:
    """What an exception of boto3 means, raised by a request about ``uri``.

    An answer of the server is known by its ``response``, all else by the name of its family.
    """
    at = f"S3 at {endpoint}"
    # boto3 wraps the answers to an upload, and keeps them as the context.
    for found in (error, error.__context__):
        response = getattr(found, "response", None)
        if isinstance(response, Mapping):
            return refused(uri, at, response)
    families = {family.__name__ for family in type(error).__mro__}
    if families & {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}:
        return WrongCredentials(f"{uri}: no credentials for {at}; {SET_CREDENTIALS}")
    if families & {"HTTPClientError", "ConnectionError", "RetriesExceededError"}:
        return Unreachable(
            f"{uri}: {at} cannot be reached ({type(error).__name__}); is it running, and is "
            "AWS_ENDPOINT_URL right?"
        )
    return StorageError(f"{uri}: {at}: {without_secrets(str(error))}")


def refused(uri: str, at: str, response: Mapping[str, Any]) -> StorageError:
    """What an error answer of S3 (botocore's parsed form) means, for a request about ``uri``."""
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    tries = response.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
    bucket = uri.removeprefix("s3://").partition("/")[0]
    if code in _NO_BUCKET:
        return MissingBucket(f"{uri}: there is no bucket {bucket!r} in {at}; create it first")
    if code in _NO_KEY and uri.endswith(f"//{bucket}/"):
        return MissingBucket(f"{uri}: there is no bucket {bucket!r} in {at}; create it first")
    if code in _NO_KEY:
        return MissingKey(f"{uri}: there is no such object in {at}")
    if code in _REFUSED:
        return WrongCredentials(f"{uri}: {at} refused the credentials ({code}); {SET_CREDENTIALS}")
    if code in _DENIED:
        return NotAllowed(
            f"{uri}: {at} does not allow this ({code}); {SET_CREDENTIALS}, and the rights of "
            "that key on the bucket"
        )
    if code == "RequestTimeTooSkewed":
        return WrongCredentials(f"{uri}: {at} refused the request: this machine's clock is off")
    if code in _CONFLICT:
        return Conflict(f"{uri}: another write of the same object is under way at {at}")
    if code in _PRECONDITION:
        return PreconditionFailed(f"{uri}: the object is there already")
    if code in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
        return BucketIsThere(f"{uri}: the bucket name {bucket!r} is taken ({code})")
    if status >= 500 or code in ("SlowDown", "RequestTimeout", "Throttling"):
        return Unreachable(f"{uri}: {at} answered {code} ({status}) after {tries} tries")
    message = response.get("Error", {}).get("Message", "")
    return StorageError(f"{uri}: {at} answered {code} ({status}): {message}")
