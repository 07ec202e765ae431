"""What is found, whole, and what is left alone."""

import random

import pytest

from components.prompts.config import PiiConfig
from components.prompts.pii.detect import Detector
from components.prompts.pii.finance import luhn
from components.prompts.pii.registry import entities

DETECTOR = Detector(entities(PiiConfig()))


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.entity, text[hit.start : hit.end]) for hit in DETECTOR.find(text)]


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
        ("my passport number is C01X00T47", [("NATIONAL_ID", "C01X00T47")]),
        ("call (415) 555-2671 or", [("PHONE", "(415) 555-2671")]),
        ("at +44 20 7946 0958", [("PHONE", "+44 20 7946 0958")]),
        ("ring 212 555 0123 212 555 0199", [("PHONE", "212 555 0123"), ("PHONE", "212 555 0199")]),
        ("Phone: 88 165 40 96", [("PHONE", "88 165 40 96")]),
        ("046 406 6044 office", [("PHONE", "046 406 6044")]),
        ("host 203.0.113.7:80", [("IP", "203.0.113.7")]),
        ("mac 00:1a:2b:3c:4d:5e", [("MAC", "00:1a:2b:3c:4d:5e")]),
        ("mac 001a.2b3c.4d5e", [("MAC", "001a.2b3c.4d5e")]),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", [("CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")]),
        ("AKIAIOSFODNN7EXAMPLE", [("SECRET", "AKIAIOSFODNN7EXAMPLE")]),
        ("password: hunter2!Xy9", [("SECRET", "hunter2!Xy9")]),
        ("my password is Xk3mYM7!", [("SECRET", "Xk3mYM7!")]),
        ("DOB: 4 May 1987", [("DATE_OF_BIRTH", "4 May 1987")]),
        ("She was born on 2/16/1952.", [("DATE_OF_BIRTH", "2/16/1952")]),
        ("i live at 12 Old Mill Road", [("ADDRESS", "12 Old Mill Road")]),
        ("my new address is 15 Rue Victor Hugo\n Apt. 4\n Paris 75116",
         [("ADDRESS", "15 Rue Victor Hugo\n Apt. 4\n Paris 75116")]),
        ("My zip code is 20547", [("ADDRESS", "20547")]),
        ("my username is night_owl7.", [("USER_NAME", "night_owl7")]),
        ("follow me on twitter @night.owl", [("USER_NAME", "@night.owl")]),
        ("see https://x.org/a?token=abcdef12, ok", [("URL", "https://x.org/a?token=abcdef12")]),
        ("bob\u200b@exam\u00adple.com", [("EMAIL", "bob\u200b@exam\u00adple.com")]),
        ("\u202egro.elpmaxe@bob \u2066jo@example.org\u2069", [
            ("EMAIL", "jo@example.org")]),
        ("４１１１１１１１１１１１１１１１", [("CARD", "４１１１１１１１１１１１１１１１")]),
        ("ssn 536\u201122\u20111234", [("SSN", "536\u201122\u20111234")]),
        ("call +٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨", [("PHONE", "+٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨")]),
        ("\ud800 jo@example.com \udfff", [("EMAIL", "jo@example.com")]),
    ],
)  # fmt: skip
def test_values_are_found_whole(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 1234-5678-9012-3456 was shipped",  # fails Luhn
        "order number 4556299197925850",  # passes it, and is called otherwise
        "version 1.2.3.4, build 20240512",
        "pi is 3.14159265358979",
        "from 1914-1918 and 1939-1945",
        "on 2024-05-12 at 12:30:45",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "Mozart was born on 27 January 1756 in Salzburg.",
        "Facts: - birth date: 14 april 1922 - club: ajax",
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
        "goals: 0 27 6 11 2 3 0 0 25 13 4",
        "https://example.com/page?id=12345678",
        "100 Main ideas for a street party",
        "Address Severity 5 before Severity 3",
        "meet me at 5 PM",
    ],
)
def test_hard_negatives_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_luhn_worked_out_by_hand() -> None:
    # 7992739871: doubled from the right 1->2 (sum 67), so 3 makes 70.
    assert luhn("79927398713")
    assert not any(luhn(f"7992739871{digit}") for digit in "012456789")


def test_a_region_that_is_declared_is_recognised() -> None:
    text = "They reach me at 785 8949 in Reykjavik, call 455 6186"
    icelandic = Detector(entities(PiiConfig(regions=("IS",))))
    assert [text[h.start : h.end] for h in icelandic.find(text)] == ["785 8949", "455 6186"]


def test_random_digits_rarely_look_like_anything() -> None:
    rng = random.Random(0)
    texts = ["".join(rng.choice("0123456789") for _ in range(9)) for _ in range(2000)]
    assert sum(bool(found(f"item {text} in stock")) for text in texts) == 0
