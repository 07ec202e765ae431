"""Which code ran: a digest of the packages' sources, and the commit where git knows it."""

import functools
import hashlib
import os
import subprocess
from pathlib import Path

_PACKAGES = ("components", "data_contracts")


@functools.cache
def code_version() -> str:
    """``<12 hex digits>``, or what ``INSTRUCTFLOW_CODE_VERSION`` says.

    A digest of the sources that decide what a stage computes, and not the commit: the same code
    is the same version in a checkout, an image and a wheel, and an edit is seen before it is
    committed.
    """
    if given := os.environ.get("INSTRUCTFLOW_CODE_VERSION"):
        return given
    top = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((top / package).rglob("*")):
            if path.suffix in (".py", ".yaml") and path.is_file():
                digest.update(path.relative_to(top).as_posix().encode() + b"\0")
                digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@functools.cache
def git_commit() -> str:
    """The commit of the checkout, with ``-dirty`` where files differ; "" outside a checkout."""
    top = Path(__file__).parents[2]
    if not (top / ".git").exists():
        return ""
    command = ["git", "-C", str(top), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
