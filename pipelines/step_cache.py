"""What steps have done before, in any run here: KFP's local cache, shared among runs.

KFP keys a step by its command and its parameters, which hold the config and references with
digests. The code is not in the key, so every version of the code has a folder of its own. What a
step published may be gone by now (an emptied bucket, an expired object): such entries go before a
run starts, or a reference to nothing would come out of the cache for ever.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core import work
from components.core.errors import UserError
from components.core.manifest import MANIFEST, parse_reference
from components.core.references import make_latest
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
        """The work of a cache entry; ``key`` may be the beginning of its name.

        A manifest names the work that made its content first, which other work may have made again:
        the record that has all of the entry's outputs goes first.
        """
        found: WorkRecord | None = None
        for path in self.folder.glob(f"{key}*.json"):
            published = set(_references(_read(path)))
            for reference in sorted(published):
                with contextlib.suppress(UserError):
                    record = work.of_reference(self.storage, self.root, reference)
                    if published <= set(record.outputs.values()):
                        return record
                    found = found or record
        return found

    @contextlib.contextmanager
    def publishing(self, on_failure: Callable[[UserError], None]) -> Iterator[None]:
        """Inside, what a step published is ``latest`` again as soon as the step is found here.

        So ``latest`` ends where it would if each step had done its work now, in the order of this
        run (docs/adr/0010). It takes the place of a method of KFP's cache of this process, whose
        runner tells of a step that it skips only in its log. A store that fails does not undo the
        run: ``on_failure`` is told.
        """
        from kfp.local.cache import get_local_cache

        cache = get_local_cache()
        look_up = cache.get

        def get(key: str) -> Any:
            outputs = look_up(key)
            try:
                for reference in _references(outputs):
                    make_latest(self.storage, self.root, reference)
            except UserError as error:
                on_failure(error)
            return outputs

        cache.get = get
        try:
            yield
        finally:
            cache.get = look_up

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
