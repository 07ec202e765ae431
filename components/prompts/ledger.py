"""Which rows are left, and why the others are not."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from components.core.records import Reject
from components.prompts.collected import cluster_name
from components.prompts.tables import Tables

#: Behind the rule that dropped a row whose exact duplicate this one is.
COPY = "; its exact duplicate"
#: ``survivor`` is the row kept in the stead of a dropped one, ``earlier`` the id of the prompt of
#: an earlier round; ``similarity`` is to either.
_COLUMNS = """row bigint, reason varchar, rule varchar, survivor bigint, earlier varchar,
similarity double, copy boolean default false"""
#: From rows and survivors by number to what is published of them.
_TOLD = {
    "with_id": "select d.*, l.id from dropped as d join looked as l using (row)",
    "with_survivor": """select w.*, coalesce(s.id, earlier, '') as survivor_id
        from with_id as w left join looked as s on s.row = w.survivor""",
    "told": f"""select w.row, w.id, w.reason,
        w.rule || case when copy then '{COPY}' else '' end as rule,
        w.survivor_id as survivor, similarity, t.digest as cluster
        from with_survivor as w left join treated as t on t.row = w.survivor""",
}


class Ledger:
    """The fate of every row: the table ``dropped``; a row that is not in it is left.

    A row is dropped once: what comes first decides.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        tables.create("dropped", _COLUMNS)

    def drop(self, query: str, **values: Any) -> None:
        """Reject rows. Rows that were rejected before keep their first reason.

        Args:
            query: gives ``row`` (each once), ``reason`` (a short machine word), ``rule`` (the one
                that fired, with its parameters) and, where there are any, ``survivor``,
                ``earlier`` and ``similarity``.
            values: of the query.
        """
        self._tables.run(
            f"insert into dropped by name select * from ({query}) anti join dropped using (row)",
            **values,
        )

    def dropped(self) -> int:
        """How many rows are not left."""
        return self._tables.number("select count(*) from dropped")

    def follow(self, rule: str) -> None:
        """Where the survivor of a row that this rule dropped was dropped for a survivor of its own,
        that one."""
        self._tables.run(
            """update dropped set survivor = further.survivor, similarity = further.similarity
            from dropped as further where dropped.rule = $rule
            and further.row = dropped.survivor and further.survivor is not null""",
            rule=rule,
        )

    def settle_copies(self, rule: str) -> None:
        """Exact duplicates (table ``copies``: row, original) share the fate of the row that stands
        for them, or are its duplicates by ``rule``."""
        self._tables.run(
            """insert into dropped by name select copies.row,
            coalesce(d.reason, 'duplicate') as reason, coalesce(d.rule, $rule) as rule,
            case when d.row is null then copies.original else d.survivor end as survivor,
            d.earlier, case when d.row is null then 1 else d.similarity end as similarity,
            d.row is not null as copy
            from copies left join dropped as d on d.row = copies.original""",
            rule=rule,
        )

    def cluster_sizes(self) -> dict[int, int]:
        """How many rows that are left stand for so many, themselves included."""
        return dict(
            self._tables.rows(
                """select size, count(*) from
                (select survivor as row, count(*) + 1 as size from dropped
                where survivor is not null group by survivor)
                anti join dropped using (row) group by size order by size"""
            )
        )

    def rules(self) -> dict[tuple[str, str], int]:
        """Rejected rows by reason and rule."""
        found = self._tables.rows(
            f"""select reason, rule || case when copy then '{COPY}' else '' end as rule, count(*)
            from dropped group by all order by all"""
        )
        return {(reason, rule): count for reason, rule, count in found}

    def reasons(self) -> dict[str, int]:
        """Rejected rows by reason."""
        found: Counter[str] = Counter()
        for (reason, _), count in self.rules().items():
            found[reason] += count
        return dict(found)

    def rejects(self, origin: str) -> Iterator[Reject]:
        """The rejected rows in order. Survivors of this round stand for a cluster.

        Args:
            origin: where the rows stood.
        """
        self._tables.steps(_TOLD)
        for batch in self._tables.stream("from told order by row"):
            for row in batch.to_pylist():
                cluster = cluster_name(row.pop("cluster")) if row["cluster"] else ""
                yield Reject(origin=origin, **row | {"cluster": cluster})
        self._tables.drop("told")
