"""Training state in S3: saved at a period, committed by a manifest, found again after a kill.

Layout: ``<root>/checkpoints/<work key>/<step>/state.safetensors, meta.json, commit.json``. The
commit is written last and carries sizes and checksums: what has none, or does not agree with it,
is passed over, and the next older one is taken.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from components.core.config import canonical_json
from components.core.storage import MissingKey, Storage

STATE, META, COMMIT = "state.safetensors", "meta.json", "commit.json"


@dataclass(frozen=True)
class Checkpoint:
    """A committed training state."""

    step: int
    tensors: Mapping[str, torch.Tensor]
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one piece of work; ``work_key`` covers its config, inputs and code."""

    storage: Storage
    root: str
    work_key: str
    #: Newest ones that stay after a save; 2 survives the loss of the newest.
    keep: int = 2

    def save(self, step: int, tensors: dict[str, torch.Tensor], meta: dict[str, Any]) -> None:
        """Save and commit the state after ``step`` steps, then prune older ones."""
        place = self._place(step)
        with tempfile.TemporaryDirectory(prefix="instructflow-") as scratch:
            path = Path(scratch) / STATE
            save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, path)
            text = canonical_json(meta).encode()
            commit = {
                "step": step,
                STATE: {"size": path.stat().st_size, "sha256": _sha256_file(path)},
                META: {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()},
            }
            self.storage.put_file(path, f"{place}/{STATE}")
            self.storage.put_bytes(f"{place}/{META}", text)
            self.storage.put_bytes(f"{place}/{COMMIT}", canonical_json(commit).encode())
        self._prune()

    def newest(self) -> Checkpoint | None:
        """The newest state that is whole; None where there is none."""
        for step in sorted(self._committed(), reverse=True):
            found = self._load(step)
            if found is not None:
                return found
            print(f"checkpoint of step {step} is broken; looking for an older one", flush=True)
        return None

    def clear(self) -> None:
        """Remove all of them: the work is done and its result is published."""
        self.storage.delete(o.uri for o in list(self.storage.list(self._folder())))

    def _folder(self) -> str:
        return f"{self.root.rstrip('/')}/checkpoints/{self.work_key}/"

    def _place(self, step: int) -> str:
        return f"{self._folder()}{step:010d}"

    def _committed(self) -> list[int]:
        uris = (entry.uri for entry in self.storage.list(self._folder()))
        return [int(uri.split("/")[-2]) for uri in uris if uri.endswith(f"/{COMMIT}")]

    def _load(self, step: int) -> Checkpoint | None:
        place = self._place(step)
        with tempfile.TemporaryDirectory(prefix="instructflow-") as scratch:
            path = Path(scratch) / STATE
            try:
                commit = json.loads(self.storage.get_bytes(f"{place}/{COMMIT}"))
                meta = self.storage.get_bytes(f"{place}/{META}")
                self.storage.get_file(f"{place}/{STATE}", path)
                if hashlib.sha256(meta).hexdigest() != commit[META]["sha256"]:
                    return None
                if _sha256_file(path) != commit[STATE]["sha256"]:
                    return None
                # clone: the file is gone when the scratch folder is.
                tensors = {k: v.clone() for k, v in load_file(path).items()}
                return Checkpoint(step, tensors, json.loads(meta))
            except (MissingKey, ValueError, KeyError, TypeError, SafetensorError):
                return None

    def _prune(self) -> None:
        steps = sorted(self._committed(), reverse=True)
        for step in steps[self.keep :]:
            place = f"{self._place(step)}/"
            # The commit goes first: what is half deleted must not look whole.
            self.storage.delete([f"{place}{COMMIT}"])
            self.storage.delete(o.uri for o in list(self.storage.list(place)))


def _sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
