"""A small made-up world, as its stage published it."""

from dataclasses import dataclass
from pathlib import Path

from components.core.records import Demonstration, Document, RawPrompt
from components.core.stage import Outputs
from components.sandbox.config import WorldConfig


@dataclass(frozen=True)
class Written:
    """What the stage published."""

    config: WorldConfig
    outputs: Outputs
    root: str
    prompts: list[RawPrompt]
    demonstrations: list[Demonstration]
    documents: list[Document]
    truth: Path
