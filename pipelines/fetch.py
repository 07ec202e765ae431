"""``instructflow fetch``: a published thing as files in a folder, verified."""

import tempfile
from pathlib import Path

from components.core.dataset import download_folder, open_manifest, resolve
from components.core.errors import UserError
from components.core.manifest import MANIFEST
from components.core.storage import Storage


def fetch(storage: Storage, root: str, uri: str, folder: Path) -> list[Path]:
    """Bring a published thing to disk; a dataset comes as its Parquet shards and its manifest.

    Nothing is put in place before every file was compared with the manifest.

    Args:
        storage: where it lies.
        root: below which names are looked for.
        uri: a reference, a prefix or a name, as ``instructflow inspect`` takes it.
        folder: where its files go; made where it is not there, and empty.

    Returns:
        The files, by path.

    Raises:
        DatasetError: nothing whole is there under this reference or name.
        UserError: the folder holds something, or cannot be written.
    """
    reference = resolve(storage, root, uri)
    manifest = open_manifest(storage, reference)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty; expected a new or an empty folder")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            found = download_folder(storage, reference, Path(scratch))
            if manifest.kind == "dataset":
                (found / MANIFEST).write_text(manifest.canonical_json(), encoding="utf-8")
            for entry in sorted(found.iterdir()):
                entry.rename(folder / entry.name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return sorted(path for path in folder.rglob("*") if path.is_file())
