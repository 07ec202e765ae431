"""What becomes of a row that stays: counted, freed of PII, named, signed. Dropped rows lose text.

A map from Arrow batch to Arrow batch that sees one row at a time, as ``look`` is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from components.core.errors import BadInput
from components.core.records import Kind, Message, RawPrompt, Redaction
from components.core.shards import rows_of
from components.prompts.config import PromptsConfig
from components.prompts.dedup.signatures import NO_QUERY, digest, signatures
from components.prompts.pii import registry
from components.prompts.pii.canaries import Planted, plant
from components.prompts.pii.redact import Finding, Redactor, with_numbers
from components.prompts.split import split_of, split_unit
from components.prompts.text.language import identify_all
from components.prompts.text.length import CountTokens, estimated_tokens, policy_tokens
from components.prompts.text.normal_forms import conversations, word_counts
from components.prompts.text.normalise import few_shot_query
from components.prompts.text.use_case import use_cases

_KEY = pa.binary(16)
_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
_FINDING = pa.struct([("entity", pa.string()), ("rule", pa.string()), ("action", pa.string())])
_REDACTION = pa.struct([("entity", pa.string()), ("count", pa.int64())])
#: Files of a model folder that make its tokenizer; weights stay where they are.
_TOKENIZER_FILES = (".json", ".jinja", ".model", ".txt")


def treated_schema(bins: int) -> pa.Schema:
    """The columns of a treated row."""
    return pa.schema(
        [
            pa.field("row", pa.int64()),
            # Why the row is dropped: reason and rule; "" where it stays.
            pa.field("reason", pa.string()),
            pa.field("rule", pa.string()),
            pa.field("id", pa.string()),
            pa.field("user_id", pa.string()),
            pa.field("source", pa.string()),
            pa.field("kind", pa.string()),
            pa.field("messages", pa.list_(_TURN)),
            pa.field("time", pa.int64()),
            pa.field("split", pa.string()),
            pa.field("tokens", pa.int64()),
            pa.field("use_case", pa.string()),
            pa.field("language", pa.string()),
            pa.field("redactions", pa.list_(_REDACTION)),
            pa.field("findings", pa.list_(_FINDING)),
            # Normal form after treatment; a few-shot prompt's query in it, "" (digest 0) for none.
            pa.field("text", pa.string()),
            pa.field("query", pa.string()),
            pa.field("digest", _KEY),
            pa.field("query_digest", _KEY),
            pa.field("length", pa.int64()),
            pa.field("words", pa.int64()),
            pa.field("signature", pa.binary(bins)),
        ]
    )


@dataclass(frozen=True)
class Canary:
    """A planted row. It goes with the batch of the raw row ``behind``, under a negative number."""

    number: int
    behind: int
    planted: Planted


@dataclass(frozen=True)
class Recipe:
    """All that decides what becomes of a row. Small: every worker gets a copy."""

    config: PromptsConfig
    #: Key of pseudonymised values. Never written.
    run_key: bytes = field(repr=False)
    #: The tokenizer's files by name; none: length is an estimate.
    tokenizer: dict[str, bytes] = field(repr=False)


def tokenizer_files(folder: Path) -> dict[str, bytes]:
    """The files of a model folder that its tokenizer is loaded from.

    Raises BadInput where it holds none.
    """
    found = {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix in _TOKENIZER_FILES
    }
    if not {"tokenizer.json", "tokenizer_config.json"} & set(found):
        raise BadInput(f"{folder}: no tokenizer.json; a model folder holds its tokenizer")
    return found


def planted(config: PromptsConfig, seed: str, rows: int) -> tuple[Canary, ...]:
    """The canaries of a run, spread over its rows; none where there are no rows."""
    if not rows:
        return ()
    known = registry.entities(config.pii)
    drawn = list(plant(known, config.pii.canaries_per_entity, seed))
    return tuple(
        Canary(-1 - number, number * rows // len(drawn), canary)
        for number, canary in enumerate(drawn)
    )


class Treatment:
    """Treats rows by a recipe. Takes a moment to make: one a worker."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        config = self._config = recipe.config
        known = registry.entities(config.pii)
        actions = registry.policy(config.pii, known)
        self._pseudonyms = "pseudonymise" in actions.values()
        self._redactor = Redactor(known, actions, config.pii.max_hits, recipe.run_key)
        self._count_tokens: CountTokens = estimated_tokens
        if recipe.tokenizer:
            with TemporaryDirectory(prefix="instructflow-tokenizer-") as folder:
                for name, content in recipe.tokenizer.items():
                    (Path(folder) / name).write_bytes(content)
                self._count_tokens = policy_tokens(Path(folder))
        self._schema = treated_schema(config.dedup.bins)

    def treat(
        self, batch: pa.RecordBatch, numbers: Sequence[int], canaries: Sequence[Canary]
    ) -> pa.RecordBatch:
        """Treated rows, canaries behind the others.

        Args:
            batch: rows of ``raw_prompts`` whose facts hold no fault.
            numbers: their numbers in the whole dataset.
            canaries: rows to treat in the same way.
        """
        prompts = [
            *map(RawPrompt.from_row, rows_of(batch)),
            *(_as_prompt(canary) for canary in canaries),
        ]
        named = [*numbers, *(canary.number for canary in canaries)]
        rows = [self._row(*pair) for pair in zip(named, prompts, strict=True)]
        # Length first: PII is looked for only in what is short enough.
        self._count(rows, [prompt.messages for prompt in prompts])
        treated: dict[int, tuple[Message, ...]] = {}
        for place in _left(rows):
            outcome = self._redactor.treat(prompts[place].messages)
            rows[place]["findings"] = [_plain(finding) for finding in outcome.findings]
            if outcome.dropped:
                rows[place] |= {"reason": "pii", "rule": outcome.dropped}
            else:
                treated[place] = outcome.messages
                rows[place]["redactions"] = [_plain(part) for part in outcome.redactions]
        # What is published is what counts.
        changed = [place for place in treated if rows[place]["redactions"]]
        self._count([rows[place] for place in changed], [treated[place] for place in changed])
        self._language([rows[place] for place in treated], list(treated.values()))
        left = [place for place in treated if not rows[place]["reason"]]
        self._describe(
            [rows[place] for place in left],
            [treated[place] for place in left],
            [prompts[place].kind for place in left],
        )
        return self._batch(rows)

    def _row(self, number: int, prompt: RawPrompt) -> dict[str, Any]:
        """What no later step changes, and what a dropped row has of the rest."""
        config = self._config
        unit = split_unit(prompt.user_id, prompt.source, config.labeler_groups)
        return {
            "row": number,
            "reason": "",
            "rule": "",
            "id": prompt.id,
            "user_id": prompt.user_id,
            "source": prompt.source,
            "kind": prompt.kind,
            "messages": [],
            "time": prompt.time,
            "split": split_of(unit, config.split_key, config.validation_share, config.test_share),
            "tokens": 0,
            "use_case": "",
            "language": "",
            "redactions": [],
            "findings": [],
            "text": "",
            "query": "",
            "digest": bytes(16),
            "query_digest": NO_QUERY,
            "length": 0,
            "words": 0,
        }

    def _count(self, rows: Sequence[dict[str, Any]], messages: Sequence[Sequence[Message]]) -> None:
        """Count tokens; drop what has too many."""
        limit = self._config.max_tokens
        for row, tokens in zip(rows, self._count_tokens(messages), strict=True):
            row["tokens"] = tokens
            # A canary is there to be found, however tight the limits.
            if tokens > limit and row["row"] >= 0:
                row |= {"reason": "too_long", "rule": f"max_tokens: more than {limit} tokens"}

    def _language(
        self, rows: Sequence[dict[str, Any]], messages: Sequence[Sequence[Message]]
    ) -> None:
        """Tell languages; drop those that are not in the config's list, if it has one."""
        wanted = self._config.languages
        for row, language in zip(rows, identify_all(messages), strict=True):
            row["language"] = language
            if wanted and language not in wanted and row["row"] >= 0 and not row["reason"]:
                rule = f"languages: {language} is not in the list"
                row |= {"reason": "language", "rule": rule}

    def _describe(
        self,
        rows: Sequence[dict[str, Any]],
        messages: Sequence[Sequence[Message]],
        kinds: Sequence[Kind],
    ) -> None:
        """The text that is published, and what it is compared by."""
        compared = [with_numbers(m) for m in messages] if self._pseudonyms else messages
        texts = conversations(compared)
        cases = use_cases(messages)
        counts = word_counts(texts).tolist()
        for row, turns, like, kind, text, case, count in zip(
            rows, messages, compared, kinds, texts, cases, counts, strict=True
        ):
            query = few_shot_query(like, kind)
            row |= {
                "messages": [_plain(turn) for turn in turns],
                "use_case": case,
                "text": text,
                "query": query,
                "digest": digest(text),
                "query_digest": digest(query) if query else NO_QUERY,
                "length": len(text),
                "words": count,
            }

    def _batch(self, rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
        signed = signatures([row["text"] for row in rows], self._config.dedup.bins)
        columns = [
            pa.array([row[name] for row in rows], type=self._schema.field(name).type)
            for name in self._schema.names[:-1]
        ]
        data = pa.py_buffer(np.ascontiguousarray(signed).tobytes())
        kind = self._schema.field("signature").type
        columns.append(pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, data]))
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


def _as_prompt(canary: Canary) -> RawPrompt:
    name = f"canary{canary.number}"
    return RawPrompt(name, name, "api", "plain", canary.planted.messages, 0)


def _left(rows: Sequence[dict[str, Any]]) -> list[int]:
    return [place for place, row in enumerate(rows) if not row["reason"]]


def _plain(one: Message | Redaction | Finding) -> dict[str, Any]:
    """A record of scalars, without the copies that ``dataclasses.asdict`` makes."""
    return {field.name: getattr(one, field.name) for field in fields(one)}
