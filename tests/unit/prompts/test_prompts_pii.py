"""PII: every entity's canaries, hard negatives, placeholders, policy, speed on hostile input."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.config import ConfigError
from components.core.records import Message
from components.prompts.config import Action, PiiConfig
from components.prompts.pii.canaries import plant, recall
from components.prompts.pii.detect import Detector
from components.prompts.pii.finance import luhn
from components.prompts.pii.redact import Redactor, Treated
from components.prompts.pii.registry import entities, policy

CONFIG = PiiConfig()
ENTITIES = entities(CONFIG)
DETECTOR = Detector(ENTITIES)


def redactor(max_hits: int = 20, key: bytes = b"key", **actions: Action) -> Redactor:
    config = PiiConfig(policy=dict(actions))
    return Redactor(ENTITIES, policy(config, ENTITIES), max_hits, key)


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.entity, text[hit.start : hit.end]) for hit in DETECTOR.find(text)]


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


def text_of(treated: Treated) -> str:
    return treated.messages[-1].content


@pytest.mark.parametrize("entity", [entity.name for entity in ENTITIES])
def test_all_canaries_of_an_entity_are_found(entity: str) -> None:
    chosen = [known for known in ENTITIES if known.name == entity]
    outcomes = [(canary, redactor().treat(canary.messages)) for canary in plant(chosen, 60, "seed")]
    counts = recall(outcomes)
    assert counts.found == counts.planted == {entity: 60}
    assert counts.failed == ()


def test_a_broken_detector_fails_the_canaries_of_certain_types_only() -> None:
    blind = Redactor([], {}, 20, b"")
    outcomes = [(canary, blind.treat(canary.messages)) for canary in plant(ENTITIES, 1, "seed")]
    certain = {entity.name for entity in ENTITIES if entity.certain}
    assert set(recall(outcomes).failed) == certain
    assert {"EMAIL", "CARD", "IBAN", "SSN", "SECRET"} <= certain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to jo.miller@example.com.", [("EMAIL", "jo.miller@example.com")]),
        ("jo [at] example [dot] com", [("EMAIL", "jo [at] example [dot] com")]),
        ("card 4111 1111 1111 1111 ok", [("CARD", "4111 1111 1111 1111")]),
        ("378282246310005", [("CARD", "378282246310005")]),
        ("GB82 WEST 1234 5698 7654 32 AND MORE", [("IBAN", "GB82 WEST 1234 5698 7654 32")]),
        ("ssn 536-22-1234", [("SSN", "536-22-1234")]),
        ("nif 12345678Z", [("NATIONAL_ID", "12345678Z")]),
        ("call (415) 555-2671 or", [("PHONE", "(415) 555-2671")]),
        ("at +44 20 7946 0958", [("PHONE", "+44 20 7946 0958")]),
        ("ring 212 555 0123 212 555 0199", [("PHONE", "212 555 0123"), ("PHONE", "212 555 0199")]),
        ("host 203.0.113.7:80", [("IP", "203.0.113.7")]),
        ("mac 00:1a:2b:3c:4d:5e", [("MAC", "00:1a:2b:3c:4d:5e")]),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", [("CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")]),
        ("AKIAIOSFODNN7EXAMPLE", [("SECRET", "AKIAIOSFODNN7EXAMPLE")]),
        ("password: hunter2!Xy9", [("SECRET", "hunter2!Xy9")]),
        ("DOB: 4 May 1987", [("DATE_OF_BIRTH", "4 May 1987")]),
        ("i live at 12 Old Mill Road", [("ADDRESS", "12 Old Mill Road")]),
        ("my username is night_owl7.", [("USER_NAME", "night_owl7")]),
        ("see https://x.org/a?token=abcdef12, ok", [("URL", "https://x.org/a?token=abcdef12")]),
        ("bob\u200b@exam\u00adple.com", [("EMAIL", "bob\u200b@exam\u00adple.com")]),
        ("４１１１１１１１１１１１１１１１", [("CARD", "４１１１１１１１１１１１１１１１")]),
    ],
)  # fmt: skip
def test_values_are_found_whole(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 1234-5678-9012-3456 was shipped",  # fails Luhn
        "version 1.2.3.4, build 20240512",
        "pi is 3.14159265358979",
        "from 1914-1918 and 1939-1945",
        "on 2024-05-12 at 12:30:45",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "Mozart was born on 27 January 1756 in Salzburg.",
        "write a function that checks a password",
        "the token is valid for one hour",
        "use std::vector and a[1::2]",
        "@dataclass decorates a class; @override, too",
        "10.0.0.0/16 is the network",
        "127.0.0.1 is home",
        "git@github.com:org/repo.git",
        "ISBN 978-3-16-148410-0",
        "multiply 123456 by 789012",
        "the sum is 1 000 000 000",
        "https://example.com/page?id=12345678",
        "100 Main ideas for a street party",
    ],
)
def test_hard_negatives_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_luhn_worked_out_by_hand() -> None:
    # 7992739871: doubled from the right 1->2 (sum 67), so 3 makes 70.
    assert luhn("79927398713")
    assert not any(luhn(f"7992739871{digit}") for digit in "012456789")


def test_placeholders_are_numbered_alike_over_a_conversation() -> None:
    turns = (
        Message("user", "I am a@x.org, my boss is b@x.org."),
        Message("assistant", "Hello A@X.ORG"),
        Message("user", "b@x.org and c@x.org"),
    )
    treated = redactor().treat(turns)
    assert [message.content for message in treated.messages] == [
        "I am [EMAIL_1], my boss is [EMAIL_2].",
        "Hello [EMAIL_1]",
        "[EMAIL_2] and [EMAIL_3]",
    ]
    assert [(r.entity, r.count) for r in treated.redactions] == [("EMAIL", 5)]


def test_placeholders_of_an_earlier_round_keep_their_numbers() -> None:
    assert text_of(redactor().treat(user("[EMAIL_2] and d@x.org"))) == "[EMAIL_2] and [EMAIL_3]"


def test_policy_decides() -> None:
    text = user("a@x.org or 203.0.113.7")
    assert redactor(EMAIL="drop").treat(text).dropped == "pii: holds EMAIL"
    assert text_of(redactor(EMAIL="keep").treat(text)) == "a@x.org or [IP_1]"
    one = text_of(redactor(EMAIL="pseudonymise").treat(text))
    assert one == text_of(redactor(EMAIL="pseudonymise").treat(text))
    assert one != text_of(redactor(key=b"other", EMAIL="pseudonymise").treat(text))
    assert one.startswith("[EMAIL_")
    assert redactor(max_hits=1).treat(text).dropped == "pii: more than 1 values"


def test_secrets_and_cards_drop_the_prompt_and_no_text_is_left() -> None:
    treated = redactor().treat(user("AKIAIOSFODNN7EXAMPLE"))
    assert treated.dropped == "pii: holds SECRET"
    assert treated.messages == ()


def test_unknown_entity_in_the_policy_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"prompts\.pii\.policy\.EMAILS: unknown entity"):
        policy(PiiConfig(policy={"EMAILS": "drop"}), ENTITIES)


PIECES = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=30),
    st.sampled_from(
        ["a@b.co", "+1 212 555 0123", "4111111111111111", "password=", "sk-", "my address is ",
         "eyJ", "://", "203.0.113.7", "\u200b", "[EMAIL_1]", "ssn ", "12 Old Road", "@",
         "536-22-1234"]
    ),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_detectors_find_nothing_in_their_own_output(text: str) -> None:
    subject = redactor(max_hits=1000, CARD="redact", SSN="redact", SECRET="redact", IBAN="redact")
    treated = subject.treat(user(text))
    if not treated.dropped:
        assert not subject.treat(treated.messages).findings
        if not treated.findings:
            assert text_of(treated) == text


HOSTILE = [
    "a", "1", "1 ", "a.", "a@", "a@a.", "-", "eyJ", "-eyJ", "://", "a://", "0x", ":", "a:", "1.",
    "1-", "(1", "+1", "A1", "AA11", "AA11 ", "password", "password ", "password=", "-----BEGIN ",
    "1 A ", "1 Aa ", "12 Oak", "user:", "my birthday is ", "[at", "a [at] ", "sk-", "-sk-", "bc1",
    "?token=", "https://a?", "https://a:", "\u200b1", "１", "Q:\n", "a a", "1 Old A Street", "é@",
    "2 Street", "1A Aa'",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_expression_takes_more_than_linear_time(unit: str) -> None:
    """A hostile text eight times as long may not take much more than eight times as long."""

    def seconds(size: int) -> float:
        text = (unit * (size // len(unit) + 1))[:size]
        started = time.process_time()
        DETECTOR.find(text)
        return time.process_time() - started

    small, large = min(seconds(4_000) for _ in range(2)), seconds(32_000)
    assert large < max(0.05, 24 * small)


def test_random_digits_rarely_look_like_anything() -> None:
    rng = random.Random(0)
    texts = ["".join(rng.choice("0123456789") for _ in range(9)) for _ in range(2000)]
    assert sum(bool(found(f"item {text} in stock")) for text in texts) == 0
