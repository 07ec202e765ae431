"""What tests of preparation share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.prompts.tables import Tables


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    """Tables of a run, empty."""
    made = Tables(tmp_path, 128)
    yield made
    made.close()
