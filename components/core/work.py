"""The record of finished work, found by what went in: figures, seconds and outputs of a stage.

Written when a stage ends, under the digest of (config, inputs, code), which manifests name as
``provenance.work``. So the figures of a step that came from the cache are found, too: from a
published thing, the lineage leads to all the work behind it (docs/adr/0005).
"""

from pydantic import Field

from components.core.config import Config
from components.core.references import lineage
from components.core.storage import MissingKey, Storage


class WorkRecord(Config):
    """What a stage did."""

    work: str = Field(description="Digest of (config, inputs, code).")
    stage: str = Field(description="The stage's name.")
    label: str = Field(description="The stage's name with what tells it apart in its run.")
    run: str = Field(description="The pipeline run that did the work.")
    seconds: float = Field(description="Wall seconds of the attempt that finished.")
    figures: dict[str, float] = Field(description="Headline figures.")
    outputs: dict[str, str] = Field(description="References by output name.")


def place(root: str, work: str) -> str:
    """Where the record of a piece of work lies."""
    return f"{root.rstrip('/')}/work/{work}.json"


def save(storage: Storage, root: str, record: WorkRecord) -> None:
    """Write a record; the same work done again overwrites it."""
    storage.put_bytes(place(root, record.work), record.canonical_json().encode())


def behind(storage: Storage, root: str, reference: str) -> list[WorkRecord]:
    """The records of all the work in the lineage of a reference, oldest last, each once."""
    found: dict[str, WorkRecord] = {}
    for node in lineage(storage, reference).walk():
        work = node.manifest.provenance.work if node.manifest else ""
        if work and work not in found:
            try:
                text = storage.get_bytes(place(root, work)).decode()
            except MissingKey:
                continue
            found[work] = WorkRecord.from_json(text, at="work")
    return list(found.values())
