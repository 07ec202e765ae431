"""Recall and precision on the planted gold set: every form of every type, and hard negatives."""

from collections import Counter

from pii_gold import REGIONS, planted
from pii_negatives import negatives

from components.prompts.config import PiiConfig
from components.prompts.pii.detect import Detector, spans
from components.prompts.pii.gate import Gate
from components.prompts.pii.plain import plain
from components.prompts.pii.registry import entities

ENTITIES = entities(PiiConfig(regions=REGIONS))
DETECTOR = Detector(ENTITIES)
CERTAIN = {entity.name for entity in ENTITIES if entity.certain}


def test_every_type_has_gold() -> None:
    assert {example.entity for example in planted(1)} == {entity.name for entity in ENTITIES}


def test_no_gate_keeps_a_rule_from_what_it_would_find() -> None:
    rules = [rule for entity in ENTITIES for rule in entity.rules]
    gate = Gate([rule.gate for rule in rules])
    found = 0
    for example in [*planted(6, seed=14), *negatives(10, seed=15)]:
        text, _ = plain(example.text)
        opened = gate.open(text)
        for number, rule in enumerate(rules):
            hits = spans(rule, text, [(0, len(text))])
            found += len(hits)
            assert not hits or number in opened, (rule.name, example.text)
    assert found > 500


def test_recall_by_type() -> None:
    drawn: Counter[str] = Counter()
    missed: dict[str, list[str]] = {}
    for example in planted(6, seed=11):
        drawn[example.entity] += 1
        hits = DETECTOR.find(example.text)
        if not any(h.entity == example.entity and h.start <= example.start and example.end <= h.end
                   for h in hits):  # fmt: skip
            missed.setdefault(example.entity, []).append(f"{example.kind}: {example.text}")
    assert not {entity: texts for entity, texts in missed.items() if entity in CERTAIN}
    assert all(len(texts) <= 0.05 * drawn[entity] for entity, texts in missed.items()), missed


def test_precision_by_type() -> None:
    right: Counter[str] = Counter()
    false: Counter[str] = Counter()
    texts: list[str] = []
    for example in [*planted(6, seed=12), *negatives(20, seed=13)]:
        for hit in DETECTOR.find(example.text):
            overlaps = hit.start < example.end and example.start < hit.end
            if example.entity == hit.entity and overlaps:
                right[hit.entity] += 1
            else:
                false[hit.entity] += 1
                texts.append(f"{hit.rule}: {example.text}")
    assert all(right[name] / (right[name] + false[name]) >= 0.95 for name in right), texts
