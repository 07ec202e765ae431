"""Other people's packages in an environment of their own, so that nothing here depends on them."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

_HOME = Path(__file__).parents[3] / ".instructflow" / "benchmarks"


def python_with(*requirements: str) -> Path:
    """An interpreter that has these packages; made once and kept. Skips where pip cannot."""
    name = hashlib.sha256("\n".join(sorted(requirements)).encode()).hexdigest()[:12]
    folder = _HOME / f"peers-{name}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    made = _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    if made.returncode == 0:
        made = _run([str(python), "-m", "pip", "install", "--quiet", *requirements])
    if made.returncode != 0:
        last = (made.stderr.strip() or "no message").splitlines()[-1]
        pytest.skip(f"pip cannot install {', '.join(requirements)}: {last}")
    (folder / "complete").touch()
    return python


def one_thread() -> dict[str, str]:
    """The environment with every thread pool set to one thread."""
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "ARROW_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(pools, "1")}


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
