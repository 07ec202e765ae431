"""Publish Label Studio exports as they came; the import stage reads them strictly."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from components.core.dataset import Provenance, publish_folder
from components.core.errors import BadInput
from components.core.storage import Storage


def publish_labels(storage: Storage, root: str, files: Sequence[Path]) -> str:
    """The reference of a ``labels`` folder. Raises BadInput for a file that is no JSON list."""
    with tempfile.TemporaryDirectory() as scratch:
        for number, file in enumerate(files):
            try:
                tasks = json.loads(file.read_text(encoding="utf-8"))
            except OSError as error:
                raise BadInput(f"{file}: cannot be read: {error.strerror}") from None
            except ValueError as error:
                raise BadInput(f"{file}: not valid JSON in UTF-8: {error}") from None
            if not isinstance(tasks, list):
                raise BadInput(f"{file}: expected Label Studio's JSON export, a list of tasks")
            name = "label_studio.json" if len(files) == 1 else f"label_studio-{number:03d}.json"
            shutil.copy(file, Path(scratch) / name)
        provenance = Provenance(run="publish", stage="publish")
        return publish_folder(storage, root, "labels", "labels", Path(scratch), provenance)
