"""What all tests share: a real S3 (SeaweedFS) and an environment that knows no other account."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.storage import Storage
from pipelines.embedded import EmbeddedS3

BUCKET = "instructflow-test"


def pytest_configure() -> None:
    """Keep tests off whatever account, tracking server or telemetry this machine is set up for."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "MLFLOW_")):
            del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


@pytest.fixture(scope="session")
def embedded_s3(pytestconfig: pytest.Config) -> Iterator[EmbeddedS3]:
    """The server of all workers and of all test runs of this checkout at once.

    The last to leave stops it and drops its data; one that a killed run left behind is taken over.
    """
    server = EmbeddedS3(Path(pytestconfig.rootpath) / ".instructflow" / "tests" / "s3").start()
    before = {name: os.environ.get(name) for name in server.environment()}
    os.environ |= server.environment()
    try:
        yield server
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.stop(erase=True)


@pytest.fixture(scope="session")
def storage(embedded_s3: EmbeddedS3) -> Storage:
    """Storage on the server; the ``AWS_*`` variables name it for commands that a test starts."""
    storage = Storage.from_environment()
    storage.ensure_bucket(BUCKET)
    return storage


@pytest.fixture
def root() -> str:
    """An S3 prefix that nothing has written to."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty MLflow store of this worker (sqlite), set as MLFLOW_TRACKING_URI."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        yield uri
