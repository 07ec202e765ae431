"""Public prompts with a use case that a reader gave them: ids and labels here, texts outside.

``use_case_labels.csv`` names a row of a file of the data folder, the digest of its text and the
label. How they were labelled, and the files' licences: ``use_case_labels.md``.
"""

import csv
import functools
import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[4] / "shared" / "data"
LABELS = Path(__file__).with_name("use_case_labels.csv")


@dataclass(frozen=True)
class Labelled:
    """A prompt, its label, and which half it is in: points are made from "dev" alone."""

    file: str
    text: str
    label: str
    half: str


def labelled_prompts(data: Path = DATA) -> list[Labelled]:
    """All labelled prompts; raises ValueError where a file's text is not what was labelled."""
    found = []
    with LABELS.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            row = _rows(data / line["file"])[int(line["row"])]
            text = _text(row)
            if digest(text) != line["digest"]:
                raise ValueError(f"{line['file']} row {line['row']}: not the text of the label")
            found.append(Labelled(line["file"], text, line["label"], _half(line, row)))
    return found


def digest(text: str) -> str:
    """16 hex digits that tell texts apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _half(line: dict[str, str], row: Any) -> str:
    # Prompts made from one template stay together, or the other half would know them.
    unit = row["template"] if isinstance(row, dict) and "template" in row else line["row"]
    held_out = int(hashlib.sha256(f"{line['file']}:{unit}".encode()).hexdigest(), 16) % 2
    return "held_out" if held_out else "dev"


@functools.cache
def _rows(file: Path) -> list[Any]:
    if file.suffix == ".gz":
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _text(row: Any) -> str:
    if isinstance(row, str):
        return row
    if "instances" in row:
        instruction, given = row["instruction"].strip(), row["instances"][0]["input"].strip()
        return f"{instruction}\n\n{given}" if given else instruction
    if "turns" in row:
        return str(row["turns"][0])
    prompt = row["prompt"]
    return str(prompt["text"] if isinstance(prompt, dict) else prompt)
