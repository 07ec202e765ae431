"""What earlier rounds published: by it prompts are recognised, and it is carried on.

A round's ``signatures`` hold those of all rounds before it, so the newest is enough; several may be
given where rounds ran side by side.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from components.core.dataset import read_records
from components.core.records import Signature
from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.dedup.earlier import Earlier
from components.prompts.dedup.signatures import digest
from components.prompts.tables import Tables
from components.prompts.working_rows import Marks

_ROWS = 1 << 12


class EarlierRounds:
    """The signatures of some earlier rounds."""

    def __init__(self, storage: Storage, references: Sequence[str], this_round: str) -> None:
        """Args:
        storage: where they are published.
        references: of ``signatures`` datasets.
        this_round: names this round. What it published is no earlier round: a run that was
            killed after that may be started again with ``latest`` and gives the same.
        """
        self._storage = storage
        self._references = references
        self._this_round = this_round
        #: Of all rows, those that came before; None where there can be none.
        self._repeats: Marks | None = None

    def rows(self) -> Iterator[Signature]:
        """What was published, each prompt once, in the order of the references."""
        for number, row in enumerate(self._all()):
            if self._repeats is None or not self._repeats.holds(np.array([number]))[0]:
                yield row

    def recogniser(self, config: PromptsConfig, tables: Tables, folder: Path) -> Earlier | None:
        """Tells whether a prompt was among it; None where there was no earlier round."""
        if not self._references:
            return None
        if len(self._references) > 1:
            self._repeats = self._repeated(tables)
        return Earlier.from_rows(self.rows(), config.dedup, tables, folder)

    def _all(self) -> Iterator[Signature]:
        for reference in self._references:
            for row in read_records(self._storage, reference, Signature):
                if row.round != self._this_round:
                    yield row

    def _repeated(self, tables: Tables) -> Marks:
        """Rows that an earlier reference holds, too: each carries the rounds before it."""
        tables.create("carried", "number bigint, name blob")
        count, rows = 0, self._all()
        while names := [digest(f"{row.round} {row.id}") for row in islice(rows, _ROWS)]:
            numbers = np.arange(count, count + len(names))
            tables.append("carried", {"number": numbers, "name": names})
            count += len(names)
        repeats = """select number from carried join
            (select name, min(number) as first from carried group by name having count(*) > 1)
            using (name) where number <> first"""
        marks = Marks.of(count, tables.stream(repeats))
        tables.drop("carried")
        return marks
