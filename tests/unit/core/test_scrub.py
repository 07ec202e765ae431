"""Messages without secrets, whatever a library quotes."""

import pytest

from components.core.scrub import one_line, without_secrets
from components.core.storage import Storage, StorageError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at http://me:hunter2@host/path", "at http://***@host/path"),
        ("a password with an @: s3://me:p@ss@host:1/x", "a password with an @: s3://***@host:1/x"),
        ("http://host/a@b is no login", "http://host/a@b is no login"),
        ("mail a@b.org, see http://host", "mail a@b.org, see http://host"),
    ],
)
def test_logins_in_addresses(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_values_of_secret_variables_and_the_longest_of_them_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "storehouse")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "storehouse-tail")
    monkeypatch.setenv("HF_TOKEN", "short")
    monkeypatch.setenv("PLAIN", "a plain value")
    text = "storehouse storehouse-tail short a plain value"
    assert without_secrets(text) == "*** *** short a plain value"


def test_one_line_is_the_first_line_without_secrets() -> None:
    error = OSError("no answer from http://me:hunter2@host\nheaders: ...")
    assert one_line(error) == "OSError: no answer from http://***@host"


def test_an_endpoint_that_is_none_is_named_without_its_login() -> None:
    with pytest.raises(StorageError, match="AWS_") as caught:
        Storage("http://me:hunter2@a host", "key-id", "key-secret")
    assert "hunter2" not in str(caught.value)
