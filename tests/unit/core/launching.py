"""What tests of launch share: an input, a look at recorded failures."""

import json
from pathlib import Path
from typing import Any

from components.core.dataset import Provenance, publish_folder
from components.core.storage import Storage


def notes(storage: Storage, root: str, folder: Path) -> str:
    """A published folder, as an input."""
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("a note")
    return publish_folder(storage, root, "export", "notes", folder, Provenance())


def failure(storage: Storage, root: str, label: str = "counting") -> Any:
    """The recorded failure of a step of "run-1"."""
    return json.loads(storage.get_bytes(f"{root}/failures/run-1/{label}.json"))
