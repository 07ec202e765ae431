"""Prompts to publish, for the tests of datasets."""

from typing import Any

from components.core import dataset
from components.core.dataset import Provenance
from components.core.manifest import parse_reference
from components.core.records import Message, RawPrompt
from components.core.storage import Storage

MADE = Provenance(run="run-1", stage="world", created="2026-01-01T00:00:00+00:00")
SECRET = "Zanzibar-4711"


def prompts(count: int, text: str = "hello") -> list[RawPrompt]:
    return [
        RawPrompt(f"p{n}", f"u{n % 3}", "api", "plain", (Message("user", f"{text} {n}"),), n)
        for n in range(count)
    ]


def publish(storage: Storage, root: str, rows: Any, name: str = "raw_prompts") -> str:
    return dataset.publish_records(storage, root, name, rows, MADE)


def keys(storage: Storage, reference: str) -> list[str]:
    prefix = parse_reference(reference).prefix
    return sorted(info.uri.removeprefix(f"{prefix}/") for info in storage.list(prefix))
