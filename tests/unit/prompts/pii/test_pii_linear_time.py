"""No expression takes more than linear time, on texts made against each of them."""

import re
import time
from collections.abc import Callable

import pytest
from hostile_texts import END, units

from components.prompts.config import PiiConfig
from components.prompts.pii.detect import Detector, spans
from components.prompts.pii.entity import Rule
from components.prompts.pii.registry import entities

ENTITIES = entities(PiiConfig())
DETECTOR = Detector(ENTITIES)
RULES = [rule for entity in ENTITIES for rule in entity.rules]
#: What made some rule slow once, and what stands in for whole families of texts.
HOSTILE = [
    "a", "1", "1 ", "a.", "a@", "a@a.", "-", "eyJ", "-eyJ", "eyJaaaaaaaa.", "://", "a://", "0x",
    ":", "a:", "1.", "1-", "(1", "+1", "A1", "AA11", "AA11 ", "password", "password ", "password=",
    "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "1 A ", "1 Aa ", "12 Oak", "user:", "[at",
    "my birthday is ", "a [at] ", "sk-", "-sk-", "bc1", "?token=", "https://a?", "https://a:",
    "\u200b1", "１", "Q:\n", "a a", "1 Old A Street", "é@", "2 Street", "1A Aa'",
    "my address is 1 ",
    "_a ", "_a_", "_", "\\n", "\\u0040", "&#64;", "&a", "%40", "**a", '"a"@', '"a', "Ab 1, 12345 ",
    "A\n-----END PRIVATE KEY-----", "4111 1111 1111 1111 ", "-u a:", "1,", "1 is my ", "is my id ",
    "address: A 1, ", "live in A ", "1 a\nApt. 1\n", "born 1/1/", "call 12 34 56 ", "Phone: 0",
]  # fmt: skip


def is_linear(
    work: Callable[[str], object], make: Callable[[int], str], small: int, by: int
) -> bool:
    """Whether ``work`` takes at most three times ``by`` as long on a text ``by`` times as long.

    Another process can only make it look slower, so one good attempt out of three is enough.
    """

    def seconds(size: int) -> float:
        text = make(size)
        started = time.process_time()
        work(text)
        return time.process_time() - started

    for _ in range(3):
        longest = seconds(small * by)
        if longest < 0.02 or longest < 3 * by * max(1e-4, min(seconds(small) for _ in range(2))):
            return True
    return False


def repeated(prefix: str, unit: str, end: str = END) -> Callable[[int], str]:
    return lambda size: prefix + unit * (size // len(unit)) + end


def whole(rule: Rule) -> Callable[[str], object]:
    """The rule on all of a text, as if its gate had opened everywhere."""
    return lambda text: spans(rule, text, [(0, len(text))])


@pytest.mark.parametrize("unit", HOSTILE)
def test_detection_is_linear_in_hostile_texts(unit: str) -> None:
    assert is_linear(DETECTOR.find, repeated("", unit, ""), 4_000, 8)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_is_linear_in_texts_made_against_it(rule: Rule) -> None:
    for prefix, unit in units(rule.pattern):
        assert is_linear(whole(rule), repeated(prefix, unit), 4_000, 8), (prefix, unit)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_is_linear_up_to_a_megabyte(rule: Rule) -> None:
    for prefix, unit in units(rule.pattern):
        assert is_linear(whole(rule), repeated(prefix, unit), 62_500, 16), (prefix, unit)


@pytest.mark.slow
@pytest.mark.parametrize("unit", HOSTILE)
def test_detection_is_linear_up_to_a_megabyte(unit: str) -> None:
    assert is_linear(DETECTOR.find, repeated("", unit, ""), 62_500, 16)


def test_a_quadratic_expression_would_be_noticed() -> None:
    bad = Rule("bad", re.compile(r"\w+@\w"), gate="@")
    assert not is_linear(whole(bad), repeated("", "a"), 1_000, 8)
