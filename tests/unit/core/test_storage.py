"""Storage on a real S3 server: what is written is what is read, and errors say what to mend."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import BadInput
from components.core.storage import (
    MissingBucket,
    MissingKey,
    PreconditionFailed,
    Storage,
    StorageError,
    Unreachable,
    WrongCredentials,
)

MB = 10**6


@settings(max_examples=20, deadline=None)
@given(
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0/\\#?"), min_size=1).filter(
        lambda name: len(name.encode()) < 200 and name.isprintable() and name.strip(". ") == name
    ),
    data=st.binary(max_size=5000),
)
def test_bytes_come_back(storage: Storage, name: str, data: bytes) -> None:
    uri = f"s3://instructflow-test/bytes/{name}"
    storage.put_bytes(uri, data)
    assert storage.get_bytes(uri) == data
    assert storage.size(uri) == len(data)
    assert [info.uri for info in storage.list(uri) if info.uri == uri] == [uri]


def test_one_of_many_conditional_writers_wins(storage: Storage, root: str) -> None:
    writers = [Storage.from_environment() for _ in range(4)]
    for race in range(4):
        uri = f"{root}/{race}"
        start = threading.Barrier(len(writers))

        def write(number: int, uri: str = uri, start: threading.Barrier = start) -> int | None:
            start.wait()
            try:
                writers[number].put_bytes(uri, str(number).encode(), if_absent=True)
            except PreconditionFailed:
                return None
            return number

        with ThreadPoolExecutor(len(writers)) as pool:
            winners = [n for n in pool.map(write, range(len(writers))) if n is not None]
        assert len(winners) == 1
        assert storage.get_bytes(uri) == str(winners[0]).encode()


def test_if_absent_never_overwrites(storage: Storage, root: str) -> None:
    storage.put_bytes(f"{root}/a", b"first", if_absent=True)
    with pytest.raises(PreconditionFailed, match="there already"):
        storage.put_bytes(f"{root}/a", b"first", if_absent=True)
    storage.put_bytes(f"{root}/a", b"second")
    assert storage.get_bytes(f"{root}/a") == b"second"


def test_list_and_delete_go_beyond_one_page(storage: Storage, root: str) -> None:
    names = [f"{root}/many/{number:04}" for number in range(1003)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda uri: storage.put_bytes(uri, b"x"), names))
    storage.put_bytes(f"{root}/other", b"x")
    listed = list(storage.list(f"{root}/many/"))
    assert [info.uri for info in listed] == names
    assert all(info.size == 1 and info.modified.tzinfo is not None for info in listed)
    storage.delete([*names, f"{root}/never-was"])
    assert [info.uri for info in storage.list(f"{root}/")] == [f"{root}/other"]


def test_exists(storage: Storage, root: str) -> None:
    assert not storage.exists(f"{root}/a")
    storage.put_bytes(f"{root}/a", b"")
    assert storage.exists(f"{root}/a")
    assert storage.size(f"{root}/a") == 0


@pytest.mark.parametrize("size", [0, 1, 17 * 1024 * 1024 + 3])
def test_files_come_back_whole(storage: Storage, root: str, tmp_path: Path, size: int) -> None:
    data = os.urandom(1024) * (size // 1024) + b"e" * (size % 1024)
    (tmp_path / "in").write_bytes(data)
    storage.put_file(tmp_path / "in", f"{root}/file")
    storage.get_file(f"{root}/file", tmp_path / "new" / "out")
    assert (tmp_path / "new" / "out").read_bytes() == data
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_a_failed_download_leaves_what_was_there(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(b"old")
    with pytest.raises(MissingKey):
        storage.get_file(f"{root}/nothing", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"


TRANSFER = """
import resource, sys
from pathlib import Path
from components.core.storage import Storage
small, large, root, back = sys.argv[1:]
storage = Storage.from_environment()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
storage.put_file(Path(small), root + "/small")
before = peak()
storage.put_file(Path(large), root + "/large")
storage.get_file(root + "/large", Path(back))
print((peak() - before) * (1 if sys.platform == "darwin" else 1024))
"""


def test_large_transfers_take_bounded_memory(storage: Storage, root: str, tmp_path: Path) -> None:
    size = 200 * MB
    (tmp_path / "small").write_bytes(b"x")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
        file.write(b"head")
        file.seek(size - 4)
        file.write(b"tail")
    back = tmp_path / "back"
    arguments = [str(tmp_path / "small"), str(tmp_path / "large"), root, str(back)]
    run = subprocess.run(
        [sys.executable, "-c", TRANSFER, *arguments], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 100 * MB
    assert back.stat().st_size == size
    with back.open("rb") as file:
        assert file.read(4) == b"head"
        file.seek(size - 4)
        assert file.read() == b"tail"


REQUESTS: list[Callable[[Storage, str, Path], object]] = [
    lambda s, uri, path: s.get_bytes(uri),
    lambda s, uri, path: s.get_file(uri, path),
    lambda s, uri, path: s.size(uri),
    lambda s, uri, path: s.exists(uri),
    lambda s, uri, path: list(s.list(uri)),
    lambda s, uri, path: s.put_bytes(uri, b"x"),
    lambda s, uri, path: s.put_bytes(uri, b"x", if_absent=True),
    lambda s, uri, path: s.put_file(path, uri),
    lambda s, uri, path: s.delete([uri]),
    lambda s, uri, path: s.ensure_bucket("instructflow-test"),
]


@pytest.mark.parametrize("number", range(len(REQUESTS) - 1))
def test_missing_bucket(storage: Storage, tmp_path: Path, number: int) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(MissingBucket, match="no bucket 'never-made'"):
        REQUESTS[number](storage, "s3://never-made/key", tmp_path / "file")


@pytest.mark.parametrize("number", range(3))
def test_missing_key(storage: Storage, root: str, tmp_path: Path, number: int) -> None:
    with pytest.raises(MissingKey, match="no such object"):
        REQUESTS[number](storage, f"{root}/never", tmp_path / "file")


@pytest.fixture(scope="module", params=["key", "secret"])
def stranger(storage: Storage, request: pytest.FixtureRequest) -> Storage:
    """A client with one wrong half of the credentials."""
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    if request.param == "key":
        return Storage(access_key="AKIAWRONG", secret_key=secret)
    return Storage(access_key=key, secret_key="not-the-secret")


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_wrong_credentials(stranger: Storage, root: str, tmp_path: Path, number: int) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(WrongCredentials) as caught:
        REQUESTS[number](stranger, f"{root}/a", tmp_path / "file")
    assert "AWS_ACCESS_KEY_ID" in str(caught.value)
    assert "not-the-secret" not in str(caught.value)
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)


def test_no_credentials(storage: Storage, monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(WrongCredentials, match="no credentials"):
        Storage.from_environment().get_bytes(f"{root}/a")


@pytest.fixture(scope="module")
def nowhere(storage: Storage) -> Storage:
    """A client of an endpoint where nothing listens."""
    return Storage("http://127.0.0.1:1", attempts=1)


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_unreachable(nowhere: Storage, tmp_path: Path, root: str, number: int) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Unreachable, match="AWS_ENDPOINT_URL"):
        REQUESTS[number](nowhere, f"{root}/a", tmp_path / "file")


def test_an_endpoint_without_a_scheme_is_named() -> None:
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:1"):
        Storage("127.0.0.1:1")


def test_check(storage: Storage) -> None:
    storage.check()
    with pytest.raises(WrongCredentials):
        Storage(access_key="AKIAWRONG", secret_key="wrong").check()


@pytest.mark.parametrize(
    "uri",
    ["", "/tmp/file", "s3://", "s3://bucket", "s3://bucket/", "http://a/b", "s3://b/k#sha256=ab"],
)
def test_addresses_that_are_none(storage: Storage, uri: str) -> None:
    with pytest.raises(BadInput, match="expected s3://bucket/key"):
        storage.get_bytes(uri)


def test_ensure_bucket_twice_and_at_once(storage: Storage) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(storage.ensure_bucket, ["instructflow-test-new"] * 4))
    storage.put_bytes("s3://instructflow-test-new/a", b"x")
