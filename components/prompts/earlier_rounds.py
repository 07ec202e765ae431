"""What earlier rounds published: by it prompts are recognised, and it is carried on.

A round's ``signatures`` hold those of all rounds before it, so the newest is enough; several may be
given where rounds ran side by side.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from components.core.dataset import read_records
from components.core.records import Signature
from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.dedup.earlier import Earlier
from components.prompts.dedup.signatures import digest


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

    def rows(self) -> Iterator[Signature]:
        """What was published, each prompt once, in the order of the references."""
        seen: set[bytes] = set()
        for reference in self._references:
            for row in read_records(self._storage, reference, Signature):
                if row.round == self._this_round:
                    continue
                if len(self._references) > 1:
                    name = digest(f"{row.round} {row.id}")
                    if name in seen:
                        continue
                    seen.add(name)
                yield row

    def recogniser(self, config: PromptsConfig, folder: Path) -> Earlier | None:
        """Tells whether a prompt was among it; None where there was no earlier round."""
        if not self._references:
            return None
        return Earlier.from_rows(self.rows(), config.dedup, folder)
