"""Prepares rows that a test wrote, without storage: the steps as the stage runs them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from components.core.records import Kind, Message, Prompt, RawPrompt, Reject, Source
from components.core.shards import to_batch
from components.prompts.config import PromptsConfig
from components.prompts.engines.process import ProcessEngine
from components.prompts.preparation import STEPS, prepare
from components.prompts.publication import Publication
from components.prompts.tables import Tables
from components.prompts.treat import Recipe, planted
from data_contracts.contract import load
from data_contracts.schema import arrow_schema

RAW = arrow_schema(load("raw_prompts"))
LONG = "please write a long and friendly letter to my landlord about the heating that is broken"


def row(
    number: int,
    text: str,
    user: str = "u1",
    source: Source = "api",
    kind: Kind = "plain",
    time: int = 0,
) -> RawPrompt:
    return RawPrompt(f"p{number}", user, source, kind, (Message("user", text),), time)


WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "rt", "lm", "st")]


def logged(count: int) -> list[RawPrompt]:
    """Prompts of some users: fresh ones, copies, edited copies, values, rows without a user."""
    rng = random.Random(5)
    texts: list[str] = []
    found = []
    for number in range(count):
        words = rng.choices(WORDS, k=rng.randrange(2, 60))
        if texts and rng.random() < 0.3:
            words = rng.choice(texts).split()
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        if rng.random() < 0.05:
            words.insert(0, f"mail person{number}@example.org about")
        texts.append(" ".join(words))
        user = " " if rng.random() < 0.02 else f"user {rng.randrange(40)}"
        message = Message("user", texts[-1])
        found.append(RawPrompt(f"p{number}", user, "api", "plain", (message,), number % 100))
    return found


@dataclass(frozen=True)
class Outcome:
    """What would be published."""

    prompts: list[Prompt]
    rejects: list[Reject]
    report: dict[str, Any]

    def reasons(self) -> dict[int, tuple[str, str]]:
        """Reason and survivor by row."""
        return {reject.row: (reject.reason, reject.survivor) for reject in self.rejects}


def batches(rows: Sequence[RawPrompt | dict[str, Any]], size: int) -> Iterator[pa.RecordBatch]:
    """Rows in the schema of raw prompts, so many a batch."""
    plain = [row if isinstance(row, dict) else row.to_row() for row in rows]
    for start in range(0, len(plain), size):
        yield to_batch(plain[start : start + size], RAW)


def prepared(
    rows: Sequence[RawPrompt | dict[str, Any]], secret: str = "", size: int = 7, **overrides: object
) -> Outcome:
    """Prepare rows in this process; checks that the steps are told and the counts add up."""
    config = PromptsConfig.from_mapping({"pii": {"canaries_per_entity": 1}} | overrides)
    engine = ProcessEngine(lambda: batches(rows, size), Recipe(config, b"key", {}))
    steps: list[int] = []
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tables = Tables(folder, 128)
        done = prepare(
            engine,
            config,
            lambda count: planted(config, "seed", count),
            None,
            tables,
            folder,
            steps.append,
        )
        publication = Publication(done, "s3://bucket/raw", secret)
        prompts, rejects = list(publication.prompts()), list(publication.rejects())
        tools = {"tokens": "an estimate", "language": "by a model", "dedup": "minhash"}
        report = publication.audit(tools)
        tables.close()
    assert steps == list(range(1, STEPS + 1))
    assert sorted([*(r.row for r in rejects), *_numbers(rows, prompts)]) == list(range(len(rows)))
    return Outcome(prompts, rejects, report)


def _numbers(rows: Sequence[RawPrompt | dict[str, Any]], prompts: Sequence[Prompt]) -> list[int]:
    """The rows that the prompts were: of rows with one id the first well-formed one."""
    ids = [row["id"] if isinstance(row, dict) else row.id for row in rows]
    return [ids.index(prompt.id) for prompt in prompts]
