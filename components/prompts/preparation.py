"""The order of the steps, whoever runs the maps over rows. Small arrays; no texts in memory.

1. Look: validity, and what tells rows apart (``look``, an engine's map).
2. Exact duplicates: the next map then sees each text once. What befalls the row that stays befalls
   its duplicates.
3. Treat: length in tokens, PII with canaries among the rows, language, use case, signature
   (``treat``, an engine's map).
4. Duplicates of what may be published: texts that redaction made equal, then what an earlier round
   published, then near-duplicates. All splits at once: no cluster stands in two of them.
5. Cap per user.
Redaction comes before near-duplicates so that a row that may not be published never stands for
others, and prompts that differ only in who wrote them are one. No step depends on how rows were cut
into batches or where a map ran.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core.records import Message, Source
from components.prompts.cap import NO_CAP, over_cap
from components.prompts.collected import Collected, Looked, Selection, numbered
from components.prompts.config import PromptsConfig
from components.prompts.dedup.earlier import Earlier
from components.prompts.dedup.exact import equal
from components.prompts.dedup.near import Clusters, Compared, rules_compared
from components.prompts.ledger import Ledger, Mask, earlier_number
from components.prompts.pii.canaries import Recall, recall
from components.prompts.pii.redact import Finding, Treated
from components.prompts.treat import Canary
from components.prompts.working_rows import Indices, Strings

STEPS = 5
Report = Callable[[int], None]


class Engine(Protocol):
    """Runs the maps and the search for near-duplicates: in this process, or on a cluster."""

    def look(self) -> Iterator[pa.RecordBatch]:
        """Facts of all raw rows, in their order."""

    def treat(self, stays: Mask, canaries: tuple[Canary, ...]) -> Iterator[pa.RecordBatch]:
        """The rows that stay, treated, in their order, canaries among them."""

    def near_duplicates(self, rows: Selection) -> Clusters:
        """Clusters of near-duplicates."""


@dataclass(frozen=True)
class Prepared:
    """What came of the rows; ``publication`` makes records of it."""

    ledger: Ledger
    looked: Looked
    collected: Collected
    #: Positions of the treated rows that are published, ascending.
    kept: Indices
    #: Ids of earlier rounds' prompts that rows were dropped for.
    earlier_ids: Strings
    recall: Recall
    #: What each of the two rules for near-duplicates drops.
    compared: Compared

    @property
    def rows(self) -> int:
        """How many rows came in."""
        return len(self.looked)


def prepare(
    engine: Engine,
    config: PromptsConfig,
    plant: Callable[[int], tuple[Canary, ...]],
    earlier: Earlier | None,
    folder: Path,
    report: Report,
) -> Prepared:
    """Prepare rows. Every row comes out once: as a prompt or as a reject.

    Args:
        engine: runs what sees every row.
        config: of the stage.
        plant: canaries for so many rows.
        earlier: what earlier rounds published, if there were any.
        folder: for working rows; empty.
        report: is told the number of every step that is done.
    """
    # 1. Rows that no later step could look at are dropped.
    looked = Looked(folder)
    for facts in engine.look():
        looked.add(facts)
    ledger = Ledger(len(looked))
    _validate(ledger, looked, config)
    report(1)

    # 2. Exact duplicates. They wait for the fate of the row that stands for them.
    stands_for = _exact(ledger.left(), looked.keys("digest"), looked)
    stays = ledger.left() & (stands_for == np.arange(len(looked)))
    for name in ("id_key", "digest", "length", "characters"):
        looked.forget(name)
    report(2)

    # 3. Length, PII.
    canaries = plant(len(looked))
    collected, found = _treat(engine, stays, canaries, config, folder)
    rows = collected.numbers("row")
    for (reason, rule), positions in collected.dropped.items():
        ledger.drop(rows[positions], reason, rule)
    report(3)

    # 4. Duplicates among what may be published.
    earlier_ids = Strings(folder / "earlier_ids")
    if earlier is not None:
        _drop_earlier(ledger, collected, looked, earlier, earlier_ids, folder)
    equal_rows = _drop_equal(ledger, collected, looked)
    compared = _drop_near(ledger, collected, looked, engine, config, folder)
    ledger.follow(equal_rows)
    report(4)

    # 5. Cap. Then what is left is published; its exact duplicates are not.
    _drop_over_cap(ledger, collected, looked, config)
    ledger.settle_copies(stands_for, "exact: same normal form")
    kept = np.flatnonzero(ledger.left()[rows])
    looked.forget("time")
    collected.forget_what_was_compared()
    report(5)

    if len(kept) + ledger.dropped() != len(looked):
        raise AssertionError(
            f"prompts: {len(looked)} rows came in, {len(kept)} + {ledger.dropped()} came out"
        )
    return Prepared(ledger, looked, collected, kept, earlier_ids, found, compared)


def _validate(ledger: Ledger, looked: Looked, config: PromptsConfig) -> None:
    for fault, rows in looked.faults.items():
        ledger.drop(np.array(rows, dtype=np.int64), "malformed", f"malformed: {fault}")
    number, first = numbered(looked.keys("id_key"))
    again = np.flatnonzero(first[number] != np.arange(len(looked)))
    ledger.drop(again, "duplicate_id", "duplicate_id: an earlier row has this id")
    long = np.flatnonzero(looked.numbers("characters") > config.max_characters)
    limit = f"more than {config.max_characters} characters"
    ledger.drop(long, "too_long", f"max_characters: {limit}")


def _exact(among: Mask, digests: npt.NDArray[np.uint64], looked: Looked) -> Indices:
    """For each row the one that stands for it: among the rows of its digest that are left."""
    stands_for = np.arange(len(digests))
    rows = np.flatnonzero(among)
    lengths, times = looked.numbers("length")[rows], looked.numbers("time")[rows]
    stands_for[rows] = rows[equal(digests[rows], lengths, times)]
    return stands_for


def _treat(
    engine: Engine,
    stays: Mask,
    canaries: Sequence[Canary],
    config: PromptsConfig,
    folder: Path,
) -> tuple[Collected, Recall]:
    """Step 3: rows and canaries go the same way; then the canaries are taken out again."""
    collected = Collected(folder, config.dedup.bins)
    outcomes: dict[int, Treated] = {}
    for batch in engine.treat(stays, tuple(canaries)):
        planted = batch.column("row").to_numpy() < 0
        if planted.any():
            for row in batch.filter(pa.array(planted)).to_pylist():
                outcomes[row["row"]] = _outcome(row)
            batch = batch.filter(pa.array(~planted))
        if batch.num_rows:
            collected.add(batch)
    if len(collected) != np.count_nonzero(stays):
        raise AssertionError(
            f"prompts: {np.count_nonzero(stays)} rows were to be treated, {len(collected)} were"
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


def _left(ledger: Ledger, collected: Collected) -> Indices:
    """Positions of treated rows that are still there."""
    return np.flatnonzero(ledger.left()[collected.numbers("row")])


def _drop_equal(ledger: Ledger, collected: Collected, looked: Looked) -> Indices:
    """Texts that redaction made equal; the rows that were dropped."""
    positions = _left(ledger, collected)
    rows = collected.numbers("row")[positions]
    times = looked.numbers("time")[rows]
    lengths = collected.numbers("length")[positions]
    stays = equal(collected.keys("digest")[positions], lengths, times)
    gone = np.flatnonzero(stays != np.arange(len(stays)))
    rule = "exact: same normal form after redaction"
    ledger.drop(rows[gone], "duplicate", rule, rows[stays[gone]], np.ones(len(gone)))
    return np.asarray(rows[gone])


def _drop_earlier(
    ledger: Ledger,
    collected: Collected,
    looked: Looked,
    earlier: Earlier,
    ids: Strings,
    folder: Path,
) -> None:
    """What an earlier round published, or nearly: also where it stood in another split."""
    positions = _left(ledger, collected)
    rows = collected.numbers("row")[positions]
    times = looked.numbers("time")[rows]
    selection = Selection(collected, positions, times, folder / "unlike_earlier")
    found = earlier.match(
        collected.keys("digest")[positions],
        selection.signatures,
        selection.lengths,
        selection.words,
        collected.keys("query_digest")[positions],
    )
    rules = np.array(found.rules, dtype=object)
    survivors = earlier_number(np.arange(len(found.ids)))
    ids.extend(pa.array(found.ids, pa.string()))
    for rule in sorted(set(found.rules)):
        chosen = np.flatnonzero(rules == rule)
        ledger.drop(
            rows[found.rows[chosen]],
            "earlier_round",
            rule,
            survivors[chosen],
            found.similarity[chosen],
        )


def _drop_near(
    ledger: Ledger,
    collected: Collected,
    looked: Looked,
    engine: Engine,
    config: PromptsConfig,
    folder: Path,
) -> Compared:
    positions = _left(ledger, collected)
    times = looked.numbers("time")[collected.numbers("row")[positions]]
    selection = Selection(collected, positions, times, folder / "compared")
    clusters = engine.near_duplicates(selection)
    gone = clusters.dropped()
    rows, stays = selection.rows[gone], selection.rows[clusters.stands_for[gone]]
    ledger.drop(rows, "duplicate", clusters.rule, stays, clusters.similarity[gone])
    return rules_compared(selection, config.dedup, clusters, config.memory_mb)


def _drop_over_cap(
    ledger: Ledger, collected: Collected, looked: Looked, config: PromptsConfig
) -> None:
    positions = _left(ledger, collected)
    rows = collected.numbers("row")[positions]
    users, _ = numbered(looked.keys("user_key")[rows])
    labeler = looked.numbers("source")[rows] == 1
    draws = collected.numbers("draw")[positions]
    caps = np.where(labeler, _cap(config, "labeler"), _cap(config, "api"))
    # A user who is a labeler, too, has a cap for each.
    over = over_cap(2 * users + labeler, draws, caps)
    for cap in np.unique(caps[over]).tolist():
        chosen = rows[over & (caps == cap)]
        ledger.drop(chosen, "user_cap", f"user_cap: at most {cap} prompts a user")


def _cap(config: PromptsConfig, source: Source) -> int:
    cap = config.user_cap.of(source)
    return NO_CAP if cap is None else cap
