"""From working rows to the records that are published, a batch at a time, in the rows' order."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.core.records import Message, Prompt, Redaction, Reject, Signature
from components.core.shards import rows_of
from components.prompts.collected import cluster_name
from components.prompts.dedup.published import encoded
from components.prompts.dedup.signatures import NO_QUERY, SCHEME
from components.prompts.pii.redact import Finding
from components.prompts.preparation import Prepared
from components.prompts.report.audit import Count, Kept, Located, Rejected, audit
from components.prompts.split import pseudonym


@dataclass(frozen=True)
class Publication:
    """Makes the records of what was prepared."""

    prepared: Prepared
    #: Where the rows came from, for rejects.
    origin: str
    #: Of the pseudonyms, or "".
    secret: str

    def prompts(self) -> Iterator[Prompt]:
        """What is kept."""
        query = "select position, user_number from kept order by position"
        for _, batch, kept, numbers in self.prepared.collected.beside(query, "user_number"):
            rows = rows_of(batch.filter(pa.array(kept)))
            for row, number in zip(rows, numbers, strict=True):
                user = pseudonym(row["user_id"], number, self.secret)
                yield Prompt(
                    id=row["id"],
                    user_id=user,
                    source=row["source"],
                    kind=row["kind"],
                    messages=tuple(Message(**turn) for turn in row["messages"]),
                    time=row["time"],
                    split=row["split"],
                    tokens=row["tokens"],
                    cluster=cluster_name(row["digest"]),
                    use_case=row["use_case"],
                    language=row["language"],
                    redactions=tuple(Redaction(**part) for part in row["redactions"]),
                )

    def rejects(self) -> Iterator[Reject]:
        """What was dropped."""
        return self.prepared.ledger.rejects(self.origin)

    def signatures(self, earlier: Iterable[Signature], this_round: str) -> Iterator[Signature]:
        """By what later rounds will recognise all prompts so far: those of earlier rounds first.

        Args:
            earlier: what was published of them.
            this_round: names this round.
        """
        yield from earlier
        signatures = self.prepared.collected.signatures
        query = "select position from kept order by position"
        for start, batch, kept, _ in self.prepared.collected.beside(query, "position"):
            vectors = encoded(signatures.between(start, start + len(kept))[kept])
            columns = ["id", "split", "digest", "query_digest", "length", "words"]
            rows = batch.select(columns).filter(pa.array(kept)).to_pylist()
            for row, vector in zip(rows, vectors, strict=True):
                query = row["query_digest"]
                yield Signature(
                    id=row["id"],
                    split=row["split"],
                    digest=row["digest"].hex(),
                    length=row["length"],
                    words=row["words"],
                    query="" if query == NO_QUERY else query.hex(),
                    scheme=SCHEME,
                    signature=vector,
                    round=this_round,
                )

    def audit(self, tools: Mapping[str, str]) -> dict[str, Any]:
        """What the audit says. ``tools`` says what counted tokens and told languages."""
        prepared = self.prepared
        report = audit(
            prepared.rows, self._kept(), self._rejected(), self._located(), prepared.recall, tools
        )
        return report | {"compared": dataclasses.asdict(prepared.compared)}

    def _kept(self) -> Kept:
        """What the published prompts are like."""
        rows = self.prepared.tables.rows
        of_kept = "from treated semi join kept using (row)"

        def counts(column: str) -> dict[Any, int]:
            return dict(rows(f"select {column}, count(*) {of_kept} group by all"))

        people = rows(
            """with users as (select split, source, user_number, count(*) as prompts
            from treated join kept using (row) group by all)
            select coalesce(split, ''), coalesce(source, ''), coalesce(sum(prompts), 0)::bigint,
            count(distinct user_number) from users
            group by grouping sets ((), (split), (split, source))"""
        )
        return Kept(
            tokens=counts("tokens"),
            people={(split, source): Count(p, u) for split, source, p, u in people},
            languages=counts("language"),
            use_cases=counts("use_case"),
        )

    def _rejected(self) -> Rejected:
        """Why the others were not."""
        ledger = self.prepared.ledger
        return Rejected(ledger.rules(), ledger.cluster_sizes())

    def raw_users(self) -> tuple[dict[int, int], Iterator[str]]:
        """The users of all well-formed rows.

        Returns:
            How many users have so many rows, and a name for each user that tells them apart and
            says nothing else.
        """
        tables = self.prepared.tables
        users = "select user_key, count(*) as rows from looked where fault = '' group by user_key"
        counts = tables.rows(f"select rows, count(*) from ({users}) group by rows order by rows")
        batches = tables.stream(users)
        names = (key.hex() for batch in batches for key in batch["user_key"].to_pylist())
        return dict(counts), names

    def _located(self) -> Iterator[Located]:
        """The values that were found, in rows that were kept and in those that were dropped."""
        for batch in self.prepared.collected.batches.read():
            found = pc.list_value_length(batch.column("findings")).to_numpy() > 0
            rows = batch.select(["id", "split", "findings"]).filter(pa.array(found))
            for row in rows.to_pylist():
                for finding in row["findings"]:
                    yield Located(row["id"], row["split"], Finding(**finding))
