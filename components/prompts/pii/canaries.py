"""Planted PII: made-up values that go the way of every prompt and must be found.

They show, in each run and on its very config, that recognition works: a policy, a region or a
library that broke it would leave no other trace.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.core.records import Message
from components.prompts.pii.entity import Entity
from components.prompts.pii.redact import Treated

_CARRIERS = (
    "Please check this for me: {} and tell me what you think.",
    "Write a short note. Use this: {}",
    "{} - can you explain what that is?",
    "Summarise the following.\n\n{}\n",
    "I wrote: {}, was that right?",
    "Sort these rows by name:\nBo,{},12\n",
    'Why is this not valid JSON? {{"text": "first\\n{}\\nlast", "id": 7}}',
    "Make this _{}_ bold.",
    "| note | {} |\n",
)


@dataclass(frozen=True)
class Planted:
    """One canary in its carrier."""

    entity: str
    certain: bool
    value: str
    messages: tuple[Message, ...]

    def found_in(self, treated: Treated) -> bool:
        """Whether its entity was recognised and the value is gone."""
        gone = all(self.value not in message.content for message in treated.messages)
        findings = [finding for finding in treated.findings if finding.entity == self.entity]
        kept = any(finding.action == "keep" for finding in findings)
        return bool(findings) and (gone or kept)


@dataclass(frozen=True)
class Recall:
    """Planted and found canaries by entity."""

    planted: dict[str, int]
    found: dict[str, int]
    #: Certain entities of which one was missed.
    failed: tuple[str, ...]


def plant(entities: Sequence[Entity], each: int, seed: str) -> Iterator[Planted]:
    """Draw ``each`` canaries of every entity; the same ones for the same seed."""
    for entity in entities:
        rng = random.Random(f"{seed}:{entity.name}")
        for _ in range(each):
            canary = entity.canary(rng)
            text = rng.choice(_CARRIERS).format(canary.text)
            message = Message("user", text)
            yield Planted(entity.name, entity.certain, canary.value, (message,))


def recall(outcomes: Sequence[tuple[Planted, Treated]]) -> Recall:
    """Count what was planted and found."""
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    failed = set()
    for canary, treated in outcomes:
        planted[canary.entity] += 1
        if canary.found_in(treated):
            found[canary.entity] += 1
        elif canary.certain:
            failed.add(canary.entity)
    return Recall(dict(planted), {name: found[name] for name in planted}, tuple(sorted(failed)))
