"""The order of the steps, whoever runs the maps over rows. What takes all rows at once is a query.

1. Look: validity, and what tells rows apart (``look``, an engine's map).
2. Exact duplicates: the next map then sees each text once. What befalls the row that stays befalls
   its duplicates. A row that may be over its user's cap stands for none that is not.
3. Treat: length in tokens, PII with canaries among the rows, language, use case, signature
   (``treat``, an engine's map).
4. Duplicates of what may be published: texts that redaction made equal, then what an earlier round
   published, then near-duplicates. All splits at once: no cluster stands in two of them.
5. Cap per user.
Redaction comes before near-duplicates so that a row that may not be published never stands for
others, and prompts that differ only in who wrote them are one. No step depends on how rows were cut
into batches or where a map ran.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, get_args

import numpy as np
import pyarrow as pa

from components.core.records import Message, Source
from components.prompts.cap import beyond, over_cap
from components.prompts.collected import Collected, looked
from components.prompts.config import PromptsConfig
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.earlier import Earlier
from components.prompts.dedup.exact import equal
from components.prompts.dedup.near import Clusters, Compared, rules_compared
from components.prompts.ledger import Ledger
from components.prompts.pii.canaries import Recall, recall
from components.prompts.pii.redact import Finding, Treated
from components.prompts.tables import Tables
from components.prompts.treat import Canary
from components.prompts.working_rows import Marks

STEPS = 5
Report = Callable[[int], None]
#: Rows after the first look, and treated rows, that are still there, and whether they may be over
#: their user's cap.
_LEFT, _TREATED = (
    f"""select rows.*, beyond_cap.row is not null as over from {table} as rows
    left join beyond_cap on beyond_cap.row = rows.row anti join dropped on dropped.row = rows.row"""
    for table in ("looked", "treated")
)
_OF_USERS = {
    "still_there": f"select position, row, source from ({_TREATED})",
    "of_users": "select s.*, user_key, draw from still_there as s join looked using (row)",
}
_EXACT = "exact: same normal form"
_REDACTED = "exact: same normal form after redaction"


class Engine(Protocol):
    """Runs the maps and the search for near-duplicates: in this process, or on a cluster."""

    def look(self) -> Iterator[pa.RecordBatch]:
        """Facts of all raw rows, in their order."""

    def treat(self, stays: Marks, canaries: tuple[Canary, ...]) -> Iterator[pa.RecordBatch]:
        """The rows that stay, treated, in their order, canaries among them."""

    def near_duplicates(self, rows: Corpus) -> Clusters:
        """Clusters of near-duplicates."""


@dataclass(frozen=True)
class Prepared:
    """What came of the rows; ``publication`` makes records of it.

    The table ``kept`` has ``position`` and ``row`` of the treated rows that are published, and a
    ``user_number`` from 1, by first appearance.
    """

    tables: Tables
    ledger: Ledger
    collected: Collected
    #: How many rows came in, and how many are published.
    rows: int
    kept: int
    recall: Recall
    #: What each of the two rules for near-duplicates drops.
    compared: Compared


def prepare(
    engine: Engine,
    config: PromptsConfig,
    plant: Callable[[int], tuple[Canary, ...]],
    earlier: Earlier | None,
    tables: Tables,
    folder: Path,
    report: Report,
) -> Prepared:
    """Prepare rows. Every row comes out once: as a prompt or as a reject.

    Args:
        engine: runs what sees every row.
        config: of the stage.
        plant: canaries for so many rows.
        earlier: what earlier rounds published, if there were any.
        tables: for what is known of rows.
        folder: for working rows.
        report: is told the number of every step that is done.
    """
    # 1. Rows that no later step could look at are dropped.
    rows = looked(tables, engine.look())
    ledger = Ledger(tables)
    tables.create("beyond_cap", "row bigint")
    _validate(ledger, config)
    _note_beyond_cap(tables, config)
    report(1)

    # 2. Exact duplicates. They wait for the fate of the row that stands for them.
    tables.run(
        f"create or replace table copies as select row, survivor as original from ({equal(_LEFT)})"
    )
    stays = Marks.of(rows, tables.stream(f"select row from ({_LEFT}) anti join copies using (row)"))
    report(2)

    # 3. Length, PII.
    collected, found = _treat(engine, stays, plant(rows), config, tables, folder)
    ledger.drop("select row, reason, rule from treated where reason <> ''")
    report(3)

    # 4. Duplicates among what may be published.
    compared = _drop_duplicates(ledger, collected, engine, config, earlier, folder)
    report(4)

    # 5. Cap. Then what is left is published; its exact duplicates are not.
    _drop_over_cap(ledger, tables, config)
    ledger.settle_copies(_EXACT)
    _note_kept(tables)
    tables.drop("copies", "of_users")
    collected.forget_what_was_compared()
    report(5)

    kept = tables.number("select count(*) from kept")
    if kept + ledger.dropped() != rows:
        raise AssertionError(f"prompts: {rows} rows came in, {kept} + {ledger.dropped()} came out")
    return Prepared(tables, ledger, collected, rows, kept, found, compared)


def _validate(ledger: Ledger, config: PromptsConfig) -> None:
    ledger.drop(
        """select row, 'malformed' as reason, 'malformed: ' || fault as rule
        from looked where fault <> ''"""
    )
    ledger.drop(
        """select row, 'duplicate_id' as reason,
        'duplicate_id: an earlier row has this id' as rule from looked as l
        join (select id_key, min(row) as first from looked group by id_key having count(*) > 1)
        using (id_key) where row <> first"""
    )
    ledger.drop(
        """select row, 'too_long' as reason,
        'max_characters: more than ' || $limit || ' characters' as rule
        from looked where characters > $limit""",
        limit=config.max_characters,
    )


def _caps(config: PromptsConfig) -> list[tuple[Source, int]]:
    """Sources whose users have a cap."""
    caps = ((source, config.user_cap.of(source)) for source in get_args(Source))
    return [(source, cap) for source, cap in caps if cap is not None]


def _note_beyond_cap(tables: Tables, config: PromptsConfig) -> None:
    """The table ``beyond_cap``: rows that shall stand for no one else's."""
    found = -1
    while (now := tables.number("select count(*) from beyond_cap")) > found:
        found = now
        for source, cap in _caps(config):
            tables.steps(beyond(_LEFT), source=source, cap=cap)
            tables.run("insert into beyond_cap from beyond")
    tables.drop("beyond")


def _treat(
    engine: Engine,
    stays: Marks,
    canaries: Sequence[Canary],
    config: PromptsConfig,
    tables: Tables,
    folder: Path,
) -> tuple[Collected, Recall]:
    """Step 3: rows and canaries go the same way; then the canaries are taken out again."""
    collected = Collected(tables, folder, config.dedup.bins)
    outcomes: dict[int, Treated] = {}
    for batch in engine.treat(stays, tuple(canaries)):
        planted = batch.column("row").to_numpy() < 0
        if planted.any():
            for row in batch.filter(pa.array(planted)).to_pylist():
                outcomes[row["row"]] = _outcome(row)
            batch = batch.filter(pa.array(~planted))
        if batch.num_rows:
            collected.add(batch)
    if len(collected) != len(stays):
        raise AssertionError(
            f"prompts: {len(stays)} rows were to be treated, {len(collected)} were"
        )
    return collected, recall([(c.planted, outcomes[c.number]) for c in canaries])


def _outcome(row: dict[str, object]) -> Treated:
    """A treated canary as a record."""
    turns, findings = row["messages"], row["findings"]
    assert isinstance(turns, list)
    assert isinstance(findings, list)
    return Treated(
        messages=tuple(Message(**turn) for turn in turns),
        redactions=(),
        findings=tuple(Finding(**finding) for finding in findings),
        dropped=str(row["rule"]),
    )


def _drop_duplicates(
    ledger: Ledger,
    collected: Collected,
    engine: Engine,
    config: PromptsConfig,
    earlier: Earlier | None,
    folder: Path,
) -> Compared:
    """Step 4: of earlier rounds, equal after redaction, near-duplicates of enough words."""
    if earlier is not None:
        with contextlib.closing(earlier):
            known = earlier.match(_TREATED, collected.signatures, config.half_mb)
            ledger.drop(f"select *, 'earlier_round' as reason from {known}")
    ledger.drop(
        f"select *, 'duplicate' as reason, $rule as rule, 1 as similarity from ({equal(_TREATED)})",
        rule=_REDACTED,
    )
    of_enough_words = f"select * from ({_TREATED}) where words >= {config.dedup.min_words}"
    files = collected.texts, collected.queries, collected.signatures
    with contextlib.closing(Corpus(collected.tables, of_enough_words, *files, folder)) as rows:
        clusters = engine.near_duplicates(rows)
        ledger.drop(
            f"select *, 'duplicate' as reason, $rule as rule from {clusters.table}",
            rule=clusters.rule,
        )
        compared = rules_compared(rows, config.dedup, clusters, config.half_mb)
    ledger.follow(_REDACTED)
    return compared


def _drop_over_cap(ledger: Ledger, tables: Tables, config: PromptsConfig) -> None:
    """Step 5; the table ``of_users`` has what was left before it, with users."""
    tables.steps(_OF_USERS)
    for source, cap in _caps(config):
        ledger.drop(over_cap("from of_users"), source=source, cap=cap)


def _note_kept(tables: Tables) -> None:
    """The table ``kept``."""
    tables.run("create or replace table still_there as from of_users anti join dropped using (row)")
    tables.create("users", "user_key blob, number bigint")
    by_first = "select user_key, min(row) as first from still_there group by all order by first"
    for first, batch in tables.enumerate(by_first):
        numbers = np.arange(first + 1, first + 1 + batch.num_rows)
        tables.append("users", {"user_key": batch.column("user_key"), "number": numbers})
    tables.run(
        "create or replace table kept as select position, row, number as user_number"
        " from still_there join users using (user_key)"
    )
    tables.drop("still_there", "users")
