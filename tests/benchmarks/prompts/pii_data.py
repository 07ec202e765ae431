"""What the PII benchmarks read: real prompts and the gold labels of ../shared/data."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[4] / "shared" / "data"
#: The regions of presidio_research: those of the generator's made-up identities.
PRESIDIO_REGIONS = (
    "US", "AT", "AU", "BE", "BR", "CA", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR",
    "GB", "GL", "HU", "IS", "IT", "NL", "NO", "NZ", "PL", "PT", "SE", "SI", "TN", "UY", "ZA",
)  # fmt: skip
#: presidio_research's types that rules can recognise, and what they are called here.
PRESIDIO_TYPES = {
    "EMAIL_ADDRESS": "EMAIL",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
    "IP_ADDRESS": "IP",
    "PHONE_NUMBER": "PHONE",
    "US_DRIVER_LICENSE": "NATIONAL_ID",
    "ADDRESS": "ADDRESS",
}


@dataclass(frozen=True)
class Labelled:
    """A text and where its values are: start, end, type."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


def missing(*folders: str) -> str:
    """Why a benchmark cannot run, or ""."""
    absent = [folder for folder in folders if not (DATA / folder).is_dir()]
    return f"../shared/data/{', '.join(absent)} is not here" if absent else ""


def real_prompts(folder: str) -> list[str]:
    """The prompts of ``t0_50k``, ``self_instruct`` or ``prompts_chat``."""
    if folder == "t0_50k":
        with gzip.open(DATA / folder / "t0_50k.jsonl.gz", "rt", encoding="utf-8") as file:
            return [json.loads(line)["prompt"] for line in file]
    if folder == "prompts_chat":
        # The stage drops longer ones before it looks for PII (max_characters).
        rows = _rows(folder, "submission_log.jsonl")
        return [row["prompt"] for row in rows if len(row["prompt"]) <= 100_000]
    return [
        f"{task['instruction']}\n{instance['input']}"
        for name in ("seed_tasks.jsonl", "user_oriented_instructions.jsonl")
        for task in _rows(folder, name)
        for instance in task["instances"]
    ]


def presidio_research(types: dict[str, str]) -> list[Labelled]:
    """Its texts with the labels of some types."""
    rows = json.loads((DATA / "presidio_research" / "generated_large.json").read_text("utf-8"))
    return [
        Labelled(
            row["full_text"],
            tuple(
                (span["start_position"], span["end_position"], types[span["entity_type"]])
                for span in row["spans"]
                if span["entity_type"] in types
            ),
        )
        for row in rows
    ]


def ner_gold(file: str) -> list[Labelled]:
    """The sentences of a CoNLL file, words joined by spaces, with persons and locations."""
    sentences, words = [], []
    lines = (DATA / "ner_gold" / file).read_text("utf-8", "replace").splitlines()
    for line in [*lines, ""]:
        parts = line.split()
        if len(parts) >= 2:
            words.append((parts[0], parts[-1]))
        elif words:
            sentences.append(_labelled(words))
            words = []
    return sentences


def _labelled(words: list[tuple[str, str]]) -> Labelled:
    text, spans, last = "", [], ""
    for word, tag in words:
        text += " " * bool(text)
        kind = {"PER": "PERSON", "LOC": "LOCATION"}.get(tag[2:], "")
        start = len(text)
        text += word
        if kind and kind == last and not tag.startswith("B-"):
            spans[-1] = (spans[-1][0], len(text), kind)
        elif kind:
            spans.append((start, len(text), kind))
        last = kind
    return Labelled(text, tuple(spans))


def _rows(*path: str) -> list[dict[str, Any]]:
    lines = DATA.joinpath(*path).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]
