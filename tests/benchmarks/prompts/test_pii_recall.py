"""Recall and precision by type: presidio_research, and the planted gold set with hard negatives."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from pii_data import (
    PRESIDIO_REGIONS,
    PRESIDIO_TYPES,
    Labelled,
    missing,
    presidio_research,
    real_prompts,
)
from pii_gold import REGIONS, planted
from pii_negatives import negatives
from presidio_peer import Span, presidio

from components.prompts.config import PiiConfig
from components.prompts.pii.detect import Detector
from components.prompts.pii.registry import entities

pytestmark = pytest.mark.benchmark

CERTAIN = {entity.name for entity in entities(PiiConfig()) if entity.certain}
#: What presidio_research calls an address is also a flat's number by itself, or a street's name.
NO_BAR = {"ADDRESS"}


class Score:
    """Values by type: labelled, found whole under their own type, false alarms."""

    def __init__(self, labelled: Sequence[Labelled], found: Sequence[Sequence[Span]]) -> None:
        self.labelled: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.right: Counter[str] = Counter()
        self.false: Counter[str] = Counter()
        self.misses: dict[str, list[str]] = defaultdict(list)
        self.alarms: dict[str, list[str]] = defaultdict(list)
        for one, hits in zip(labelled, found, strict=True):
            for start, end, entity in one.spans:
                self.labelled[entity] += 1
                if any(s <= start and end <= e and t == entity for s, e, t in hits):
                    self.found[entity] += 1
                else:
                    self.misses[entity].append(one.text[start:end])
            for start, end, entity in hits:
                if any(start < e and s < end and t == entity for s, e, t in one.spans):
                    self.right[entity] += 1
                elif all(end <= s or e <= start for s, e, _ in one.spans):
                    self.false[entity] += 1
                    self.alarms[entity].append(one.text[max(0, start - 30) : end])

    def recall(self, entity: str) -> float:
        return self.found[entity] / self.labelled[entity]

    def precision(self, entity: str) -> float:
        return self.right[entity] / max(1, self.right[entity] + self.false[entity])


def ours(labelled: Sequence[Labelled], regions: tuple[str, ...]) -> list[list[Span]]:
    detector = Detector(entities(PiiConfig(regions=regions)))
    return [[(h.start, h.end, h.entity) for h in detector.find(one.text)] for one in labelled]


def report(title: str, one: Score, other: Score) -> None:
    """The table, and what was missed."""
    print(f"\n{title}\ntype           values  recall  precision | Presidio: recall  precision")
    for entity in sorted(one.labelled):
        print(
            f"{entity:14s} {one.labelled[entity]:6,}  {one.recall(entity):.3f}  "
            f"{one.precision(entity):9.3f} | {other.recall(entity):16.3f}  "
            f"{other.precision(entity):9.3f}"
        )
    for entity in one.misses:
        if entity not in NO_BAR:
            print(f"missed {entity}: {one.misses[entity]}")
    for entity in one.alarms:
        print(f"false {entity}: {one.alarms[entity][:20]}")


def check(score: Score) -> None:
    for entity in score.labelled.keys() - NO_BAR:
        bar = 0.99 if entity in CERTAIN else 0.95
        assert score.recall(entity) >= bar, (entity, score.misses[entity])
    for entity in score.labelled:
        assert score.precision(entity) >= 0.95, (entity, score.alarms[entity])


@pytest.mark.skipif(bool(missing("presidio_research")), reason=missing("presidio_research"))
def test_presidio_research(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelled = presidio_research(PRESIDIO_TYPES)
    score = Score(labelled, ours(labelled, PRESIDIO_REGIONS))
    texts = [one.text for one in labelled]
    with capsys.disabled():
        peer = Score(labelled, presidio("patterns", texts, tmp_path)[0])
        report(f"presidio_research, {len(texts):,} texts", score, peer)
    check(score)


def test_planted_gold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examples = [*planted(40, seed=101), *negatives(120, seed=102)]
    labelled = [
        Labelled(e.text, ((e.start, e.end, e.entity),) if e.entity else ()) for e in examples
    ]
    score = Score(labelled, ours(labelled, REGIONS))
    texts = [one.text for one in labelled]
    with capsys.disabled():
        peer = Score(labelled, presidio("patterns", texts, tmp_path)[0])
        nothing = sum(not one.spans for one in labelled)
        report(
            f"planted gold, {len(texts):,} texts, {nothing:,} of them hard negatives", score, peer
        )
    check(score)


@pytest.mark.skipif(bool(missing("t0_50k")), reason=missing("t0_50k"))
def test_planted_in_real_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    """The same values between real prompts' own lines; what the prompts hold is not judged."""
    prompts = iter(real_prompts("t0_50k")[::11])
    found: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    detector = Detector(entities(PiiConfig(regions=REGIONS)))
    for example in planted(10, seed=103):
        head, _, tail = next(prompts).partition(". ")
        text = f"{head}.\n{example.text}\n{tail}"
        start = len(head) + 2 + example.start
        end = start + example.end - example.start
        drawn[example.entity] += 1
        found[example.entity] += any(
            h.entity == example.entity and h.start <= start and end <= h.end
            for h in detector.find(text)
        )
    with capsys.disabled():
        print("\nplanted in real prompts: " + ", ".join(
            f"{entity} {found[entity]}/{drawn[entity]}" for entity in sorted(drawn)))  # fmt: skip
    for entity in drawn:
        assert found[entity] / drawn[entity] >= (0.99 if entity in CERTAIN else 0.95), entity
