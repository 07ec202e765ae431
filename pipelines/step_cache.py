"""What steps have done before, in any run here: KFP's local cache, shared among runs.

KFP keys a step by its command and its parameters, which hold the config and references with
digests. The code is not in the key, so every version of the code has a folder of its own. What a
step published may be gone by now (an emptied bucket, an expired object): such entries go before a
run starts, or a reference to nothing would come out of the cache for ever.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core import work
from components.core.errors import UserError
from components.core.manifest import MANIFEST, parse_reference
from components.core.storage import Storage
from components.core.work import WorkRecord


@dataclass(frozen=True)
class StepCache:
    """One folder of cache entries, ``<key>.json`` each."""

    folder: Path
    storage: Storage
    root: str

    def weed(self) -> int:
        """Drop the entries whose outputs are not published any more; returns how many."""
        gone = [
            path
            for path in self.folder.glob("*.json")
            if not all(map(self._published, _references(_read(path))))
        ]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def remembered(self, key: str) -> WorkRecord | None:
        """The work of a cache entry; ``key`` may be the beginning of its name."""
        for path in self.folder.glob(f"{key}*.json"):
            for reference in _references(_read(path)):
                with contextlib.suppress(UserError):
                    return work.of_reference(self.storage, self.root, reference)
        return None

    def _published(self, reference: str) -> bool:
        return self.storage.exists(f"{parse_reference(reference).prefix}/{MANIFEST}")


def _read(path: Path) -> Any:
    """A cache entry; one that cannot be read names nothing, as KFP takes it for a miss."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _references(value: Any) -> Iterator[str]:
    """The references among a step's outputs; artifacts are for people and hold none."""
    if isinstance(value, dict) and "uri" not in value:
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
    elif isinstance(value, str):
        try:
            parse_reference(value)
        except UserError:
            return
        yield value
