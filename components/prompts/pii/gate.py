"""Where in a text a rule could apply at all: one linear look for the gates of all rules at once.

Most prompts hold nothing that any rule could match. RE2 runs the gates of all rules in one pass, in
time linear in the text whatever the text is, some ten times as fast as ``re`` would look for any
one of them. Rules then look only at the surroundings of what their gate has found.
"""

import re
from collections.abc import Sequence
from typing import Any, Self

from components.prompts.pii.entity import Span

#: Characters beside a gate's match that its rule may need to see; then on to the end of the word.
_MARGIN = 200
_SPACE = re.compile(r"\s")


class Gate:
    """The gates of some rules: expressions in the syntax that ``re`` and RE2 share."""

    def __init__(self, expressions: Sequence[str]) -> None:
        # RE2's set bounds its memory by forgetting states, and stays linear.
        import re2

        self._expressions = tuple(expressions)
        self._each: list[Any] = [re2.compile(expression) for expression in expressions]
        self._set: Any = re2.Set.SearchSet()
        for expression in expressions:
            self._set.Add(expression)
        if expressions:
            self._set.Compile()

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[str, ...]]]:
        """What crosses process borders is the expressions; the compiled set cannot."""
        return type(self), (self._expressions,)

    def open(self, text: str) -> list[int]:
        """The numbers of the expressions that are found in a text without lone surrogates."""
        return (self._set.Match(text) or []) if self._each else []

    def windows(self, number: int, text: str) -> list[Span]:
        """The surroundings of all that an expression finds in a text, apart and in order."""
        windows: list[Span] = []
        for match in self._each[number].finditer(text):
            start, end = max(0, match.start() - _MARGIN), min(len(text), match.end() + _MARGIN)
            if windows and end <= windows[-1][1]:
                continue
            space = _SPACE.search(text, end)
            end = space.start() if space else len(text)
            if windows and start <= windows[-1][1]:
                windows[-1] = (windows[-1][0], end)
            else:
                windows.append((start, end))
        return windows
