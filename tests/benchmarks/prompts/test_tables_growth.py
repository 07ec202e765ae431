"""The queries of preparation over many more rows than their memory holds, without the maps.

Rows are made up in the tables themselves: a fifth are copies of a thousand prompts, one in ten is a
copy of one prompt, users have twenty rows each, a third of what is left has candidates among as
many rows of earlier rounds, clusters go from three rows to tens of thousands.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from process_memory import peak_mb

from components.prompts import collected, preparation
from components.prompts.config import PromptsConfig
from components.prompts.dedup import earlier, near
from components.prompts.dedup.corpus import _COLUMNS as COMPARED
from components.prompts.dedup.exact import equal
from components.prompts.dedup.published import _COLUMNS as PUBLISHED
from components.prompts.ledger import Ledger
from components.prompts.publication import Publication
from components.prompts.tables import LEAST_MB, Tables

pytestmark = pytest.mark.benchmark
ROWS = 12_000_000
#: Libraries, and rows on their way.
BASE_MB = 300


def key(text: str) -> str:
    return f"from_hex(md5({text}))"


LOOKED = f"""insert into looked select i, 'prompt-' || i,
    case when hash(i) % 100 = 0 then 'source is neither api nor labeler' else '' end,
    200 + hash(i) % 1000,
    {key("'id' || (i - case when hash(i) % 200 = 0 then 7 else 0 end)")},
    {key(f"'u' || (hash(i) % {ROWS // 20})")},
    {
    key('''case when hash(i) % 10 < 2 then 'same' || (hash(i) % 1000)
        when hash(i) % 10 = 3 then 'one' else 't' || i end''')
},
    200 + hash(i) % 1000, hash(i) % 1000000,
    case when hash(i) % 3 = 0 then 'api' else 'labeler' end, hash(i * 3) from range({
    ROWS
}) as r(i)"""
TREATED = f"""insert into treated by name select row as position, row,
    case when hash(row) % 50 = 0 then 'pii' else '' end as reason,
    case when hash(row) % 50 = 0 then 'pii: holds CARD' else '' end as rule,
    source, 'train' as split,
    hash(row) % 900 as tokens, 'chat' as use_case, 'en' as language,
    {key('''case when hash(row) % 20 = 1 then 'r' || (hash(row) % 500) else 't' || row end''')}
        as digest, from_hex(repeat('00', 16)) as query_digest, length, time, 20 as words
    from ({preparation._LEFT}) anti join copies using (row)"""
EARLIER = f"""insert into published select i, 'old-' || i, {key("'t' || (i * 11)")},
    from_hex(repeat('00', 16)), 200 + hash(i) % 1000, 20 from range({ROWS}) as r(i)"""
ALIKE = """insert into alike select rank, rank + 1 + hash(rank) % 3,
    0.8 + 0.2 * (hash(rank) % 100) / 100 from by_length where hash(rank) % 3 = 0"""


class Threes:
    """Components: three rows each, and of every fifth row one."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def members(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, self._rows, 1 << 16):
            rows = np.arange(start, min(self._rows, start + (1 << 16)))
            rows = rows[rows % 3 > 0]
            yield rows, np.where(rows % 15 == 5, 0, rows - rows % 3)


def test_queries_keep_to_their_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = Tables(tmp_path, LEAST_MB)
    config = PromptsConfig()
    told: list[str] = []

    def step(name: str, work: Callable[[], object]) -> None:
        begun = time.process_time()
        work()
        told.append(f"{name:30} {time.process_time() - begun:6.1f} {peak_mb():6}")

    def ranked(table: str, number: str, query: str, names: list[str]) -> None:
        for first, batch in tables.enumerate(query):
            numbers = np.arange(first, first + batch.num_rows)
            tables.append(table, {number: numbers} | {name: batch.column(name) for name in names})

    def drained(batches: Iterator[object]) -> None:
        for _ in batches:
            pass

    tables.create("looked", collected._LOOKED)
    tables.create("treated", collected._TREATED)
    tables.create("published", PUBLISHED)
    tables.create("by_length", "rank bigint, row bigint")
    tables.create("alike", "asked bigint, old bigint, similarity double")
    tables.create("compared", COMPARED)
    tables.create("beyond_cap", "row bigint")
    few = PromptsConfig.from_mapping({"user_cap": {"api": 5, "labeler": 8}})
    ledger, left = Ledger(tables), preparation._TREATED
    made_up = peak_mb()
    tables.run(LOOKED)
    step("validity", lambda: preparation._validate(ledger, config))
    step("beyond the cap", lambda: preparation._note_beyond_cap(tables, few))
    copies = (
        f"create table copies as select row, survivor as original from ({equal(preparation._LEFT)})"
    )
    step("exact", lambda: tables.run(copies))
    tables.run(TREATED)
    ledger.drop("select row, reason, rule from treated where reason <> ''")
    tables.run(EARLIER)
    step("earlier: by digest", lambda: earlier.recognised_by_digest(tables, left))
    both = earlier._BY_LENGTH.replace("$words", "6")
    step("earlier: both by length", lambda: ranked("by_length", "rank", both, ["row"]))
    tables.run(ALIKE)
    step("earlier: the best", lambda: tables.steps(earlier._BEST, none=bytes(16)))
    # Made-up pairs also name rows that their digests have told.
    tables.run("insert into recognised by name select * from best anti join recognised using (row)")
    known = earlier.Earlier(tables, SimpleNamespace(), config.dedup, tmp_path)  # type: ignore[arg-type]
    step("earlier: told", known._told)
    ledger.drop("select *, 'earlier_round' as reason from known")
    redacted = f"select *, 'duplicate' as reason, $rule as rule from ({equal(left)})"
    step("equal after redaction", lambda: ledger.drop(redacted, rule=preparation._REDACTED))
    compared = f"{left} order by length, row"
    columns = ["row", "length", "time", "over"]
    step("compared", lambda: ranked("compared", "number", compared, columns))
    rows = SimpleNamespace(tables=tables, texts=None)
    monkeypatch.setattr(
        near, "ShingleSets", lambda *_: SimpleNamespace(jaccard=lambda one, _: np.ones(len(one)))
    )
    threes = Threes(tables.number("select count(*) from compared"))
    step("clusters", lambda: near.clusters(rows, threes, config.dedup, 64))  # type: ignore[arg-type]
    ledger.drop("select *, 'duplicate' as reason, 'near' as rule from near_minhash")
    step("follow", lambda: ledger.follow(preparation._REDACTED))
    step("cap", lambda: preparation._drop_over_cap(ledger, tables, few))
    step("copies", lambda: ledger.settle_copies("exact"))
    step("kept", lambda: preparation._note_kept(tables))
    step("rejects", lambda: drained(ledger.rejects("s3://bucket/raw")))
    publication = Publication(SimpleNamespace(tables=tables, ledger=ledger), "", "")  # type: ignore[arg-type]
    step("what was kept", publication._kept)
    step("why others were not", publication._rejected)
    step("users", lambda: drained(publication.raw_users()[1]))
    kept, dropped = tables.number("select count(*) from kept"), ledger.dropped()
    tables.close()
    with capsys.disabled():
        print(f"\n{ROWS:,} rows, {kept:,} kept; {LEAST_MB} MB; before them: {made_up} MB")
        print(f"{'query':30} {'CPU s':>6} {'MB':>6}", *told, sep="\n")
    assert kept + dropped == ROWS
    assert kept > ROWS / 20
    assert peak_mb() <= LEAST_MB + BASE_MB
