"""Finds PII in a text: gates, rules, checks."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.prompts.pii.entity import Entity, Rule, Span
from components.prompts.pii.gate import Gate
from components.prompts.pii.plain import plain


@dataclass(frozen=True)
class Hit:
    """A recognised value: its place in the text, never the value itself."""

    start: int
    end: int
    entity: str
    rule: str


class Detector:
    """Finds the values of a set of entities."""

    def __init__(self, entities: Sequence[Entity]) -> None:
        self._rank = {entity.name: rank for rank, entity in enumerate(entities)}
        # Rules that share a gate share what it finds.
        self._behind: dict[str, list[tuple[str, Rule]]] = {}
        for entity in entities:
            for rule in entity.rules:
                self._behind.setdefault(rule.gate, []).append((entity.name, rule))
        self._rules = list(self._behind.values())
        self._gate = Gate(list(self._behind))

    def find(self, text: str) -> list[Hit]:
        """All values in a text, in order, overlapping ones merged under the first entity's name.

        Takes time linear in the text's length.
        """
        seen, places = plain(text)
        opened = self._gate.open(seen)
        if not opened:
            return []
        hits = []
        for number in opened:
            windows = self._gate.windows(number, seen)
            for entity, rule in self._rules[number]:
                hits += [Hit(*span, entity, rule.name) for span in spans(rule, seen, windows)]
        if places is not None:
            hits = [Hit(*places.original(hit.start, hit.end), hit.entity, hit.rule) for hit in hits]
        return self._merged(hits)

    def _merged(self, hits: list[Hit]) -> list[Hit]:
        merged: list[Hit] = []
        for hit in sorted(hits, key=lambda hit: (hit.start, self._rank[hit.entity], hit.rule)):
            if merged and hit.start < merged[-1].end:
                last = merged.pop()
                name = min(last, hit, key=lambda one: self._rank[one.entity])
                hit = Hit(last.start, max(last.end, hit.end), name.entity, name.rule)
            merged.append(hit)
        return merged


def spans(rule: Rule, text: str, windows: Sequence[Span]) -> list[Span]:
    """The values that a rule finds in some windows of a text."""
    found: list[Span] = []
    for start, end in windows:
        at = start
        while match := rule.pattern.search(text, at, end):
            span = rule.check(match)
            if span is not None:
                found.append(span)
            # Behind a value that ends early, the rest of the match may hold another.
            at = max(match.start() + 1, span[1] if span else match.end())
    return found
