"""The whole state of training on S3: saved at a period, committed by a manifest, found again.

``<root>/checkpoints/<work key>/<step>/`` holds the files of each attempt under its own prefix and,
written last, ``manifest.json``, which names those of one attempt with size and sha256. What has no
manifest, or does not match it, does not exist.
"""

import hashlib
import json
import logging
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from components.core.config import Config, ConfigError, canonical_json
from components.core.storage import MissingKey, Storage

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
TENSORS = "tensors.safetensors"
META = "meta.json"


class SavedFile(Config):
    """One file of a checkpoint."""

    path: str = Field(description="Path below the checkpoint's prefix.")
    size: int = Field(ge=0, description="Bytes.")
    sha256: str = Field(description="Digest of the bytes, hex.")


class CheckpointManifest(Config):
    """What makes a checkpoint exist."""

    step: int = Field(ge=0, description="Steps done.")
    tensors: SavedFile = Field(description="Weights, moments and the like, safetensors.")
    meta: SavedFile = Field(description="Everything else, JSON.")


@dataclass(frozen=True)
class Checkpoint:
    """State that was found."""

    step: int
    tensors: Mapping[str, "torch.Tensor"]
    meta: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one piece of work.

    Two attempts of the same work (a step that was given up but still runs) never mix their files.
    """

    def __init__(
        self,
        storage: Storage,
        root: str,
        work_key: str,
        keep: int,
        before_save: Callable[[], object] | None = None,
    ) -> None:
        """``keep``: how many stay; 2 survives a newest one that cannot be read.

        ``before_save``: what else has to be stored for the steps that a checkpoint covers, as a
        resumed run never does them again (``Tracker.flush``, for their metrics).
        """
        if keep < 1:
            raise ValueError(f"keep is {keep}; expected at least 1")
        self._storage = storage
        self._prefix = f"{root.rstrip('/')}/checkpoints/{work_key}"
        self._keep = keep
        self._before_save = before_save

    def save(
        self, step: int, tensors: Mapping[str, "torch.Tensor"], meta: Mapping[str, Any]
    ) -> None:
        """Save and commit the state after ``step`` steps, then drop what is older than ``keep``.

        Args:
            step: steps done, 0 or more.
            tensors: any devices and dtypes; tensors that share memory are stored one by one.
            meta: JSON values. NaN and infinities are refused (ValueError).
        """
        if self._before_save is not None:
            self._before_save()
        attempt = f"{self._at(step)}/{uuid.uuid4().hex[:12]}"
        text = canonical_json(dict(meta))
        with tempfile.TemporaryDirectory(prefix="instructflow-") as scratch:
            folder = Path(scratch)
            (folder / META).write_text(text, encoding="utf-8")
            _write(tensors, folder / TENSORS)
            files = {name: self._upload(folder / name, attempt) for name in (TENSORS, META)}
        manifest = CheckpointManifest(step=step, tensors=files[TENSORS], meta=files[META])
        self._storage.put_bytes(
            f"{self._at(step)}/{MANIFEST}", manifest.canonical_json().encode("utf-8")
        )
        self._prune()

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole, or None. A broken one is skipped with a warning."""
        for step in reversed(self.steps()):
            try:
                return self._load(step)
            except _Broken as problem:
                _log.warning("checkpoint of step %d is skipped: %s", step, problem)
        return None

    def steps(self) -> list[int]:
        """Steps of the committed checkpoints, growing."""
        return self._committed([info.uri for info in self._storage.list(f"{self._prefix}/")])

    def clear(self) -> None:
        """Drop all: the work is done and published."""
        self._delete([info.uri for info in self._storage.list(f"{self._prefix}/")])

    # --- inside

    def _at(self, step: int) -> str:
        return f"{self._prefix}/{step:012d}"

    def _step_of(self, uri: str) -> int:
        return int(uri.removeprefix(f"{self._prefix}/").partition("/")[0])

    def _committed(self, uris: list[str]) -> list[int]:
        return sorted(self._step_of(uri) for uri in uris if uri.endswith(f"/{MANIFEST}"))

    def _upload(self, path: Path, attempt: str) -> SavedFile:
        uri = f"{attempt}/{path.name}"
        self._storage.put_file(path, uri)
        below = uri.removeprefix(f"{self._prefix}/").partition("/")[2]
        return SavedFile(path=below, size=path.stat().st_size, sha256=_sha256(path))

    def _load(self, step: int) -> Checkpoint:
        from safetensors.torch import load_file

        try:
            text = self._storage.get_bytes(f"{self._at(step)}/{MANIFEST}").decode("utf-8")
            manifest = CheckpointManifest.from_json(text, at=MANIFEST)
        except (MissingKey, UnicodeDecodeError, ConfigError) as error:
            raise _Broken(f"{MANIFEST}: {error}") from None
        with tempfile.TemporaryDirectory(prefix="instructflow-") as scratch:
            meta, tensors = Path(scratch) / META, Path(scratch) / TENSORS
            self._download(step, manifest.meta, meta)
            self._download(step, manifest.tensors, tensors)
            # The file stays mapped after its name is gone.
            state = load_file(tensors)
            return Checkpoint(manifest.step, state, json.loads(meta.read_text(encoding="utf-8")))

    def _download(self, step: int, file: SavedFile, path: Path) -> None:
        try:
            self._storage.get_file(f"{self._at(step)}/{file.path}", path)
        except MissingKey:
            raise _Broken(f"{file.path} is missing") from None
        if path.stat().st_size != file.size or _sha256(path) != file.sha256:
            raise _Broken(f"{file.path} is not what was saved")

    def _prune(self) -> None:
        """Drop all but the newest ``keep`` committed ones, and what older attempts left behind."""
        uris = [info.uri for info in self._storage.list(f"{self._prefix}/")]
        first = self._committed(uris)[-self._keep :][0]
        self._delete([uri for uri in uris if self._step_of(uri) < first])

    def _delete(self, uris: list[str]) -> None:
        """Manifests first, so that a checkpoint that is half deleted does not exist."""
        self._storage.delete([uri for uri in uris if uri.endswith(f"/{MANIFEST}")])
        self._storage.delete([uri for uri in uris if not uri.endswith(f"/{MANIFEST}")])


class _Broken(Exception):
    """A checkpoint that does not exist as a whole."""


def _write(tensors: Mapping[str, "torch.Tensor"], path: Path) -> None:
    """safetensors wants contiguous tensors on the CPU that share no memory."""
    from safetensors.torch import save_file

    seen: set[int] = set()
    plain = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        storage = tensor.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != tensor.nbytes:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        plain[name] = tensor
    save_file(plain, path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
