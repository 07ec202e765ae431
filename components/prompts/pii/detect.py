"""Finds PII in a text: prefilter, rules, checks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.prompts.pii.entity import Entity, Rule, Span
from components.prompts.pii.gate import Gate
from components.prompts.pii.plain import plain

#: How the shapes of numbers start.
_DIGIT = r"\d"
#: Characters beside a number or a needle that a rule may need to see.
_MARGIN = 100
_SPACE = re.compile(r"\s")


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
        self._rules = [(entity.name, rule) for entity in entities for rule in entity.rules]
        self._gate = Gate([rule for _, rule in self._rules])
        needles: dict[str, dict[str, list[int]]] = {}
        shapes: dict[re.Pattern[str], list[int]] = {}
        for number, (_, rule) in enumerate(self._rules):
            for needle in rule.needles:
                needles.setdefault(_mark(needle), {}).setdefault(needle, []).append(number)
            if rule.shape is not None:
                shapes.setdefault(rule.shape, []).append(number)
        self._needles = [
            (mark, [(needle, needle == needle.lower(), rules) for needle, rules in group.items()])
            for mark, group in needles.items()
        ]
        self._others = [pair for pair in shapes.items() if not _starts_with_digit(pair[0])]
        # Shapes that start with a digit share one pass: most texts have none of them.
        self._numbers = [pair for pair in shapes.items() if _starts_with_digit(pair[0])]
        tails = "|".join(shape.pattern[len(_DIGIT) :] for shape, _ in self._numbers)
        self._any_number = re.compile(f"{_DIGIT}(?:{tails or '(?!)'})")

    @property
    def rules(self) -> int:
        """How many rules there are."""
        return len(self._rules)

    def suspects(self, texts: Sequence[str]) -> list[bool]:
        """Which texts of a batch may hold a value; in the others ``find`` finds nothing."""
        return self._gate.suspects(texts)

    def find(self, text: str) -> list[Hit]:
        """All values in a text, in order, overlapping ones merged under the first entity's name."""
        seen, places = plain(text)
        hits = [
            Hit(*span, self._rules[number][0], self._rules[number][1].name)
            for number, windows in self._active(seen)
            for span in _spans(self._rules[number][1], seen, windows)
        ]
        if places is not None:
            hits = [
                Hit(places[hit.start], places[hit.end - 1] + 1, hit.entity, hit.rule)
                for hit in hits
            ]
        return self._merged(hits)

    def _active(self, text: str) -> list[tuple[int, list[Span]]]:
        """The rules whose prefilter lets them look at the text, and where they may look."""
        lowered = text.lower()
        everywhere = [(0, len(text))]
        active: dict[int, list[Span]] = {}
        for mark, group in self._needles:
            if mark in text:
                for needle, anyhow, rules in group:
                    if needle in (lowered if anyhow else text):
                        for rule in rules:
                            if not self._rules[rule][1].at_needle or len(lowered) != len(text):
                                active[rule] = everywhere
                            elif rule not in active:
                                active[rule] = _at_needles(self._rules[rule][1].needles, lowered)
        for shape, rules in self._others:
            if shape.search(text):
                active.update(dict.fromkeys(rules, everywhere))
        if self._any_number.search(text):
            for shape, rules in self._numbers:
                if windows := _windows(shape, text):
                    active.update(dict.fromkeys(rules, windows))
        return sorted(active.items())

    def _merged(self, hits: list[Hit]) -> list[Hit]:
        merged: list[Hit] = []
        for hit in sorted(hits, key=lambda hit: (hit.start, self._rank[hit.entity])):
            if merged and hit.start < merged[-1].end:
                last = merged.pop()
                name = min(last, hit, key=lambda one: self._rank[one.entity])
                hit = Hit(last.start, max(last.end, hit.end), name.entity, name.rule)
            merged.append(hit)
        return merged


def _mark(needle: str) -> str:
    """A needle's first sign, which is found a good deal faster than the needle; "" if none."""
    return next((c for c in needle if not c.isalnum() and c != " "), "")


def _starts_with_digit(shape: re.Pattern[str]) -> bool:
    return shape.pattern.startswith(_DIGIT)


def _windows(shape: re.Pattern[str], text: str) -> list[Span]:
    """Surroundings of numbers. No rule for numbers matches more than ``_MARGIN`` beside one."""
    windows: list[Span] = []
    for match in shape.finditer(text):
        start, end = max(0, match.start() - _MARGIN), min(len(text), match.end() + _MARGIN)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows


def _at_needles(needles: Sequence[str], text: str) -> list[Span]:
    """From before each needle to the end of the word that stands ``_MARGIN`` behind it."""
    places = sorted(place for needle in needles for place in _places(needle, text))
    windows: list[Span] = []
    for place in places:
        start, end = max(0, place - _MARGIN), min(len(text), place + _MARGIN)
        if windows and end <= windows[-1][1]:
            continue
        space = _SPACE.search(text, end)
        end = space.start() if space else len(text)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows


def _places(needle: str, text: str) -> Iterator[int]:
    place = text.find(needle)
    while place >= 0:
        yield place
        place = text.find(needle, place + 1)


def _spans(rule: Rule, text: str, windows: Sequence[Span]) -> list[Span]:
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
