"""From working rows to the records that are published, a batch at a time, in the rows' order."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.core.records import Message, Prompt, Redaction, Reject, Signature
from components.core.shards import rows_of
from components.prompts.collected import Looked, cluster_name, numbered
from components.prompts.dedup.published import encoded
from components.prompts.dedup.signatures import SCHEME
from components.prompts.pii.redact import Finding
from components.prompts.preparation import Prepared
from components.prompts.report.audit import Kept, Located, Rejected
from components.prompts.split import pseudonym
from components.prompts.working_rows import Indices


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
        prepared = self.prepared
        numbers = _user_numbers(prepared.looked, prepared.collected.numbers("row")[prepared.kept])
        at = 0
        for batch, kept in self._treated():
            for row in rows_of(batch.filter(pa.array(kept))):
                user = pseudonym(row["user_id"], int(numbers[at]), self.secret)
                at += 1
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
        prepared = self.prepared
        return prepared.ledger.rejects(
            prepared.looked.ids, prepared.earlier_ids, prepared.collected.clusters, self.origin
        )

    def signatures(self, earlier: Iterable[Signature], this_round: str) -> Iterator[Signature]:
        """By what later rounds will recognise all prompts so far: those of earlier rounds first.

        Args:
            earlier: what was published of them.
            this_round: names this round.
        """
        yield from earlier
        signatures = self.prepared.collected.signatures
        start = 0
        for batch, kept in self._treated():
            vectors = encoded(signatures.between(start, start + len(kept))[kept])
            start += len(kept)
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
                    query=query.hex() if any(query) else "",
                    scheme=SCHEME,
                    signature=vector,
                    round=this_round,
                )

    def kept(self) -> Kept:
        """What the published prompts are like."""
        prepared, collected = self.prepared, self.prepared.collected
        rows = collected.numbers("row")[prepared.kept]
        languages: Counter[str] = Counter()
        cases: Counter[str] = Counter()
        for batch, kept in self._treated():
            some = batch.select(["language", "use_case"]).filter(pa.array(kept))
            languages.update(some.column("language").to_pylist())
            cases.update(some.column("use_case").to_pylist())
        return Kept(
            tokens=collected.numbers("tokens")[prepared.kept].astype(np.int64),
            splits=collected.numbers("split")[prepared.kept],
            sources=prepared.looked.numbers("source")[rows],
            users=_user_numbers(prepared.looked, rows),
            languages=languages,
            use_cases=cases,
        )

    def rejected(self) -> Rejected:
        """Why the others were not."""
        ledger = self.prepared.ledger
        return Rejected(ledger.rules(), ledger.cluster_sizes())

    def raw_users(self) -> tuple[dict[int, int], Iterator[str]]:
        """The users of all well-formed rows.

        Returns:
            How many users have so many rows, and a name for each user that tells them apart and
            says nothing else.
        """
        looked = self.prepared.looked
        well_formed = np.ones(len(looked), dtype=np.bool_)
        for rows in looked.faults.values():
            well_formed[rows] = False
        keys = looked.keys("user_key")[well_formed]
        user, first = numbered(keys)
        numbers, users = np.unique(np.bincount(user), return_counts=True)
        names = (keys[at].tobytes().hex() for at in first)
        return dict(zip(numbers.tolist(), users.tolist(), strict=True)), names

    def located(self) -> Iterator[Located]:
        """The values that were found, in rows that were kept and in those that were dropped."""
        for batch in self.prepared.collected.batches.read():
            found = pc.list_value_length(batch.column("findings")).to_numpy() > 0
            rows = batch.select(["id", "split", "findings"]).filter(pa.array(found))
            for row in rows.to_pylist():
                for finding in row["findings"]:
                    yield Located(row["id"], row["split"], Finding(**finding))

    def _treated(self) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.bool_]]]:
        """Treated rows, and which of them are kept."""
        kept = np.zeros(len(self.prepared.collected), dtype=np.bool_)
        kept[self.prepared.kept] = True
        start = 0
        for batch in self.prepared.collected.batches.read():
            yield batch, kept[start : start + batch.num_rows]
            start += batch.num_rows


def _user_numbers(looked: Looked, rows: Indices) -> Indices:
    """Numbers the users of some rows from 1, in the order in which they first appear."""
    user, first = numbered(looked.keys("user_key")[rows])
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(1, len(first) + 1)
    return place[user]
