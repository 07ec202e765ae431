"""The maps in this process: a batch of raw rows in memory at a time."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from components.prompts.config import PromptsConfig
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.near import Clusters, near_duplicates
from components.prompts.look import look
from components.prompts.treat import Canary, Recipe, Treatment
from components.prompts.working_rows import Marks


class ProcessEngine:
    """Reads the raw rows twice, once for each map."""

    def __init__(self, raw: Callable[[], Iterator[pa.RecordBatch]], recipe: Recipe) -> None:
        """Args:
        raw: reads all rows in order.
        recipe: what becomes of a row.
        """
        self._raw = raw
        self._recipe = recipe

    def look(self) -> Iterator[pa.RecordBatch]:
        """Facts of all raw rows, in their order."""
        first = 0
        for batch in self._raw():
            config = self._recipe.config
            yield look(batch, first, config.max_characters, config.split_key)
            first += batch.num_rows

    def treat(self, stays: Marks, canaries: tuple[Canary, ...]) -> Iterator[pa.RecordBatch]:
        """The rows that stay, treated, in their order, canaries among them."""
        yield from treated(self._raw(), 0, stays, canaries, Treatment(self._recipe))

    def near_duplicates(self, rows: Corpus) -> Clusters:
        """Clusters of near-duplicates."""
        config: PromptsConfig = self._recipe.config
        return near_duplicates(rows, config.dedup, config.half_mb)


def treated(
    batches: Iterator[pa.RecordBatch],
    first: int,
    stays: Marks,
    canaries: tuple[Canary, ...],
    treatment: Treatment,
) -> Iterator[pa.RecordBatch]:
    """Treat what stays of a stretch of raw rows.

    Args:
        batches: the rows in order.
        first: the number of the first of them.
        stays: which of all rows stay.
        canaries: all of them; each goes with its own place among the rows.
        treatment: treats a batch.
    """
    for batch in batches:
        end = first + batch.num_rows
        among = stays.between(first, end)
        planted = [canary for canary in canaries if first <= canary.behind < end]
        numbers = (first + np.flatnonzero(among)).tolist()
        if numbers or planted:
            yield treatment.treat(batch.filter(pa.array(among)), numbers, planted)
        first = end
