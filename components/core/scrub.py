"""Text that people see, without secrets: libraries quote whole URLs in what they raise."""

import os
import re

_SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|ACCESS_KEY|CREDENTIAL|PSEUDONYM_KEY")
#: Up to the last @ before the path: a password may hold one itself.
_LOGIN = re.compile(r"://[^/\s]+@")


def without_secrets(text: str) -> str:
    """Text without the values of secret environment variables and without logins in URLs.

    A variable is secret by its name; values under six characters are left, as they would be found
    in plain words.
    """
    secrets = {value for name, value in os.environ.items() if _SECRET.search(name.upper())}
    # The longest first: the end of a secret that starts with another one would stay.
    for value in sorted(secrets, key=len, reverse=True):
        if len(value) >= 6:
            text = text.replace(value, "***")
    return _LOGIN.sub("://***@", text)


def one_line(error: BaseException) -> str:
    """Type and first line of an error, without secrets."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {without_secrets(first)[:300]}"
