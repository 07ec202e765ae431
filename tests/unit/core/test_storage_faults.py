"""Storage behind a network that breaks: transient faults pass, lasting ones are told clearly."""

import base64
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import faulty_s3
import pytest
from faulty_s3 import FaultyS3

from components.core.storage import ATTEMPTS, PreconditionFailed, Storage, StorageError, Unreachable


@pytest.fixture
def broken(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    # Waits between tries are drawn at random; here they only have to be short.
    slept = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: slept(min(seconds, 0.01)))
    with FaultyS3(storage.endpoint) as proxy:
        yield proxy


@pytest.fixture
def through(broken: FaultyS3) -> Storage:
    return Storage(broken.address)


@pytest.mark.parametrize(
    "fault",
    [
        faulty_s3.fails(500, "InternalError"),
        faulty_s3.fails(503, "SlowDown"),
        faulty_s3.answer_lost,
    ],
)
def test_transient_faults_pass(
    broken: FaultyS3, through: Storage, root: str, tmp_path: Path, fault: faulty_s3.Fault
) -> None:
    broken.faults += [fault] * 3
    through.put_bytes(f"{root}/a", b"data")
    broken.faults += [fault] * 3
    assert through.get_bytes(f"{root}/a") == b"data"
    broken.faults += [fault] * 3
    assert through.size(f"{root}/a") == 4
    (tmp_path / "large").write_bytes(b"0123456789abcdef" * 1024 * 1100)
    broken.faults += [fault] * 3
    through.put_file(tmp_path / "large", f"{root}/large")
    broken.faults += [fault] * 3
    through.get_file(f"{root}/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "large").read_bytes()


def test_lasting_faults_are_told(broken: FaultyS3, through: Storage, root: str) -> None:
    broken.faults += [faulty_s3.fails(503, "ServiceUnavailable")] * 50
    with pytest.raises(Unreachable, match=f"ServiceUnavailable .503. after {ATTEMPTS} tries"):
        through.put_bytes(f"{root}/a", b"data")
    assert len(broken.seen) == ATTEMPTS


def test_the_number_of_tries_is_botocores_own_variable(
    broken: FaultyS3, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    broken.faults += [faulty_s3.fails(503, "ServiceUnavailable")] * 50
    with pytest.raises(Unreachable, match="after 2 tries"):
        Storage(broken.address).put_bytes(f"{root}/a", b"data")


def test_a_body_that_is_cut_is_read_again(broken: FaultyS3, through: Storage, root: str) -> None:
    data = bytes(range(256)) * 4000
    through.put_bytes(f"{root}/a", data)
    broken.faults += [faulty_s3.body_cut] * (ATTEMPTS - 1)
    assert through.get_bytes(f"{root}/a") == data
    broken.faults += [faulty_s3.body_cut] * 50
    with pytest.raises(StorageError):
        through.get_bytes(f"{root}/a")


def test_a_conditional_write_whose_answer_was_lost_is_ones_own(
    broken: FaultyS3, through: Storage, storage: Storage, root: str
) -> None:
    broken.faults += [faulty_s3.answer_lost]
    through.put_bytes(f"{root}/a", b"mine", if_absent=True)
    assert [method for method, _ in broken.seen] == ["PUT", "PUT", "HEAD"]
    broken.faults += [faulty_s3.answer_lost]
    with pytest.raises(PreconditionFailed):
        through.put_bytes(f"{root}/a", b"mine", if_absent=True)
    assert storage.get_bytes(f"{root}/a") == b"mine"


def test_conflicting_conditional_writes_are_tried_again(
    broken: FaultyS3, through: Storage, root: str
) -> None:
    conflict = faulty_s3.fails(409, "ConditionalRequestConflict")
    broken.faults += [conflict] * 2
    through.put_bytes(f"{root}/a", b"mine", if_absent=True)
    broken.faults += [conflict] * 50
    with pytest.raises(PreconditionFailed, match="under way"):
        through.put_bytes(f"{root}/b", b"mine", if_absent=True)


def test_data_corrupted_on_the_way_are_refused(
    broken: FaultyS3, through: Storage, storage: Storage, root: str
) -> None:
    broken.faults += [faulty_s3.body_corrupted] * 50
    with pytest.raises(StorageError):
        through.put_bytes(f"{root}/a", b"data")
    assert not storage.exists(f"{root}/a")


def test_checksums_are_sent_unless_the_environment_says_no(
    broken: FaultyS3, through: Storage, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    through.put_bytes(f"{root}/a", b"data")
    sent = broken.seen[-1][1]["x-amz-checksum-sha256"]
    assert base64.b64decode(sent) == hashlib.sha256(b"data").digest()
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    Storage(broken.address).put_bytes(f"{root}/b", b"data")
    assert not [name for name in broken.seen[-1][1] if name.startswith("x-amz-checksum")]


def test_this_machine_is_never_reached_through_a_proxy(
    broken: FaultyS3, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    Storage(broken.address).put_bytes(f"{root}/a", b"data")
