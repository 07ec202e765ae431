"""What deduplication sees of its rows."""

from typing import Protocol

from components.prompts.dedup.shingles import Rows
from components.prompts.dedup.signatures import Signatures


class Corpus(Protocol):
    """Rows that are to be compared, by number 0..n-1; texts and signatures may lie on disk."""

    #: Characters of the normal form, Unix seconds, words: int64 (n,).
    @property
    def lengths(self) -> Rows: ...
    @property
    def times(self) -> Rows: ...
    @property
    def words(self) -> Rows: ...

    #: ``signatures.signatures`` of the normal forms, shape (n, bins); may be a np.memmap.
    @property
    def signatures(self) -> Signatures: ...

    def __len__(self) -> int: ...

    def texts(self, rows: Rows) -> list[str]:
        """Normal forms of rows (ascending)."""
        ...

    def queries(self, rows: Rows) -> list[str]:
        """Normal forms of the few-shot queries of rows (ascending), "" where a row has none."""
        ...
