"""One look at a batch of texts: which of them may hold a value at all.

Most prompts hold nothing that any rule could match. The gates of all rules make up one expression,
which RE2 (within Arrow) runs over the whole batch in one linear pass, some fifty times as fast as
looking at each text by itself. Only texts that pass are looked at by the rules.
"""

import functools
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from components.prompts.pii.entity import Rule
from components.prompts.pii.plain import folds_oddly, odd_characters, plain


class Gate:
    """Tells texts that may hold a value of some rules from those that cannot."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._expression = "|".join(dict.fromkeys(rule.gate for rule in rules))

    def suspects(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text may hold a value. False only where no rule can hit."""
        if not self._expression or not texts:
            return [False] * len(texts)
        seen, certain = list(texts), []
        try:
            array = pa.array(seen, pa.large_string())
        except UnicodeEncodeError:  # lone surrogates, which Arrow cannot hold
            certain = [row for row, text in enumerate(seen) if not _encodable(text)]
            for row in certain:
                seen[row] = ""
            array = pa.array(seen, pa.large_string())
        odd = _rows(pc.match_substring_regex(array, _odd()))
        if odd:
            for row in odd:
                if folds_oddly(seen[row]):
                    certain.append(row)
                seen[row] = plain(seen[row])[0]
            array = pa.array(seen, pa.large_string())
        suspects: list[bool] = pc.match_substring_regex(array, self._expression).to_pylist()
        for row in certain:
            suspects[row] = True
        return suspects


@functools.cache
def _odd() -> str:
    return odd_characters()


def _rows(mask: pa.BooleanArray) -> list[int]:
    rows: list[int] = pc.indices_nonzero(mask).to_pylist()
    return rows


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
