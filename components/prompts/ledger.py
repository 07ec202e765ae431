"""Which rows are left, and why the others are not: a few numbers a row."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.core.records import Reject
from components.prompts.working_rows import Indices, Strings

Mask = npt.NDArray[np.bool_]

#: No row was kept in a row's stead. Smaller numbers are rows of earlier rounds.
NONE = -1
#: Behind the rule that dropped a row whose exact duplicate this one is.
COPY = "; its exact duplicate"
#: Rejects that are read at a time.
_BLOCK = 8192


@dataclass(frozen=True)
class _Cause:
    reason: str
    rule: str


class Ledger:
    """The fate of every row. A row is dropped once: what comes first decides."""

    def __init__(self, rows: int) -> None:
        self._causes: list[_Cause] = [_Cause("", "")]
        self._numbers: dict[_Cause, int] = {self._causes[0]: 0}
        #: 0: the row is left; else the number of a cause.
        self._cause = np.zeros(rows, dtype=np.int32)
        self._copy = np.zeros(rows, dtype=np.bool_)
        self._survivor: Indices = np.full(rows, NONE, dtype=np.int64)
        self._similarity = np.full(rows, np.nan)

    def left(self) -> Mask:
        """Which rows are still there."""
        return np.equal(self._cause, 0)

    def dropped(self) -> int:
        """How many are not."""
        return int(np.count_nonzero(self._cause))

    def drop(
        self,
        rows: Indices,
        reason: str,
        rule: str,
        survivors: Indices | None = None,
        similarities: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """Reject rows for one reason. Rows that were rejected before keep their first reason.

        Args:
            rows: their numbers.
            reason: a short machine word.
            rule: the rule that fired, with its parameters.
            survivors: the row kept in the stead of each.
            similarities: of each to its survivor.
        """
        fresh = self._cause[rows] == 0
        rows = rows[fresh]
        self._cause[rows] = self._number(_Cause(reason, rule))
        if survivors is not None:
            self._survivor[rows] = survivors[fresh]
        if similarities is not None:
            self._similarity[rows] = similarities[fresh]

    def follow(self, rows: Indices) -> None:
        """Where the survivor of a dropped row was dropped for a survivor of its own, that one."""
        survivors = self._survivor[rows]
        beyond = self._survivor[survivors]
        further = (beyond != NONE) & (self._cause[survivors] != 0)
        self._survivor[rows[further]] = beyond[further]
        self._similarity[rows[further]] = self._similarity[survivors[further]]

    def settle_copies(self, stands_for: Indices, rule: str) -> None:
        """Exact duplicates share the fate of the row that stands for them, or are its duplicates.

        Args:
            stands_for: for each row the row that was looked at in its stead (itself, too).
            rule: why the two are the same.
        """
        copies = np.flatnonzero((stands_for != np.arange(len(stands_for))) & self.left())
        originals = stands_for[copies]
        lost = self._cause[originals] != 0
        gone, why = copies[lost], originals[lost]
        self._cause[gone] = self._cause[why]
        self._survivor[gone] = self._survivor[why]
        self._similarity[gone] = self._similarity[why]
        self._copy[gone] = True
        same, stays = copies[~lost], originals[~lost]
        self.drop(same, "duplicate", rule, stays, np.ones(len(same)))

    def cluster_sizes(self) -> npt.NDArray[np.int64]:
        """For each row that is left and stands for others: for how many, itself included."""
        survivors = self._survivor[(self._survivor > NONE) & (self._cause != 0)]
        rows, counts = np.unique(survivors, return_counts=True)
        return np.asarray(counts[self._cause[rows] == 0] + 1)

    def rules(self) -> dict[tuple[str, str], int]:
        """Rejected rows by reason and rule."""
        counts = np.bincount(2 * self._cause + self._copy)
        return {
            (cause.reason, cause.rule + suffix): int(counts[2 * number + copy])
            for number, cause in enumerate(self._causes)
            for copy, suffix in ((0, ""), (1, COPY))
            if number and 2 * number + copy < len(counts) and counts[2 * number + copy]
        }

    def reasons(self) -> dict[str, int]:
        """Rejected rows by reason."""
        found: Counter[str] = Counter()
        for (reason, _), count in self.rules().items():
            found[reason] += count
        return dict(found)

    def rejects(
        self,
        ids: Strings,
        earlier: Strings,
        clusters: Callable[[Indices], list[str]],
        origin: str,
    ) -> Iterator[Reject]:
        """The rejected rows in order.

        Args:
            ids: of all rows.
            earlier: ids of prompts of earlier rounds that rows were dropped for.
            clusters: the clusters that survivors stand for.
            origin: where the rows stood.
        """
        for start in range(0, len(self._cause), _BLOCK):
            rows = start + np.flatnonzero(self._cause[start : start + _BLOCK])
            survivors = self._survivor[rows]
            here, before = survivors > NONE, survivors < NONE
            names, groups = np.full((2, len(rows)), "", dtype=object)
            names[here] = ids.take(survivors[here])
            groups[here] = clusters(survivors[here])
            names[before] = earlier.take(earlier_number(survivors[before]))
            for row, name, survivor, cluster in zip(
                rows.tolist(), ids.take(rows), names.tolist(), groups.tolist(), strict=True
            ):
                cause = self._causes[self._cause[row]]
                similarity = float(self._similarity[row])
                copy = COPY if self._copy[row] else ""
                yield Reject(
                    id=name,
                    origin=origin,
                    row=row,
                    reason=cause.reason,
                    rule=cause.rule + copy,
                    survivor=survivor,
                    similarity=None if np.isnan(similarity) else similarity,
                    cluster=cluster,
                )

    def _number(self, cause: _Cause) -> int:
        if cause not in self._numbers:
            self._numbers[cause] = len(self._causes)
            self._causes.append(cause)
        return self._numbers[cause]


def earlier_number(survivors: Indices) -> Indices:
    """From a survivor that is no row of this round to its place among the earlier ones, and back.

    The map is its own inverse.
    """
    return -2 - survivors
