"""What is found, whole, and what is left alone."""

import random

import phonenumbers
import pytest

from components.core.config import ConfigError
from components.prompts.config import PiiConfig
from components.prompts.pii.detect import Detector
from components.prompts.pii.finance import luhn
from components.prompts.pii.phone import example_number
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
        ("jo\ufe0f@example.com", [("EMAIL", "jo\ufe0f@example.com")]),
        # In lists: a comma beside a long number is no thousands' one.
        ("Bo,4111111111111111,123", [("CARD", "4111111111111111")]),
        ("name,ssn\nBo,536221234", [("SSN", "536221234")]),
        ("7,12345678Z,ok", [("NATIONAL_ID", "12345678Z")]),
        ("Bo,+4915123416725,31", [("PHONE", "+4915123416725")]),
        ("Bo,201-555-9034,31", [("PHONE", "201-555-9034")]),
        # Beside other numbers.
        ("card 4111 1111 1111 1111 12/27 123", [("CARD", "4111 1111 1111 1111")]),
        ("cards 4111 1111 1111 1111 5555 5555 5555 4444", [
            ("CARD", "4111 1111 1111 1111"), ("CARD", "5555 5555 5555 4444")]),
        ("I paid 20 4111 1111 1111 1111", [("CARD", "4111 1111 1111 1111")]),
        # As JSON, HTML, URLs and Markdown write it.
        (r'{"text": "a\n4111111111111111\n+4915123416725"}', [
            ("CARD", "4111111111111111"), ("PHONE", "+4915123416725")]),
        (r'"jo\u0040example.com"', [("EMAIL", r"jo\u0040example.com")]),
        ("jo&#64;example.com; jo&commat;example.org", [
            ("EMAIL", "jo&#64;example.com"), ("EMAIL", "jo&commat;example.org")]),
        ("https://a.example/u?m=jo%40example.com", [("EMAIL", "jo%40example.com")]),
        ("_4111111111111111_ __536-22-1234__", [
            ("CARD", "4111111111111111"), ("SSN", "536-22-1234")]),
        ("**Password:** hunter2!Xy9", [("SECRET", "hunter2!Xy9")]),
        # Bare, where a word of its own is near; words behind it; small letters.
        ("CPF 11144477735", [("NATIONAL_ID", "11144477735")]),
        ("SIN 413164872", [("NATIONAL_ID", "413164872")]),
        ("mi dni es 12345678z", [("NATIONAL_ID", "12345678z")]),
        ("mi DNI: 12.345.678-Z", [("NATIONAL_ID", "12.345.678-Z")]),
        ("Passport # 518023015", [("NATIONAL_ID", "518023015")]),
        ("536221234 is my SSN", [("SSN", "536221234")]),
        ("ruf mich an: 004915123463299", [("PHONE", "004915123463299")]),
        ("llámame al 612 34 56 78", [("PHONE", "612 34 56 78")]),
        ("phone #201-550-1628", [("PHONE", "201-550-1628")]),
        ('"jo miller"@example.com', [("EMAIL", '"jo miller"@example.com')]),
        ("jo@[203.0.113.7]", [("EMAIL", "jo@[203.0.113.7]")]),
        ("http://93.184.216.34/2024/x", [("IP", "93.184.216.34")]),
        ("ping fe80::4169", [("IP", "fe80::4169")]),
        ("IPv6:2a02:8108::1", [("IP", "2a02:8108::1")]),
        ("MAC:15:0d:ed:a2:85:fa", [("MAC", "15:0d:ed:a2:85:fa")]),
        ("redis://:s3cr3tpass@localhost:6379/0", [
            ("URL", "redis://:s3cr3tpass@localhost:6379/0")]),
        ("postgres://bo:ab#S3cr3t@db:5432/x", [("URL", "postgres://bo:ab#S3cr3t@db:5432/x")]),
        ('"SecretAccessKey": "BYitq8PzQ1Lr7vT3xW9e"', [("SECRET", "BYitq8PzQ1Lr7vT3xW9e")]),
        ("dbPassword = 'hEYmjVC1KIvY34'", [("SECRET", "hEYmjVC1KIvY34")]),
        ("DB_PASS=PJ5i3W191#fq3q", [("SECRET", "PJ5i3W191#fq3q")]),
        ("<password>jw2L48015#WvUh</password>", [("SECRET", "jw2L48015#WvUh")]),
        ("curl -u bo:Q7LJPu913#qBHV https://x.example", [("SECRET", "Q7LJPu913#qBHV")]),
        ("aGVsbG8gd29ybGQ\naGVsbG8=\n-----END PRIVATE KEY-----", [
            ("SECRET", "aGVsbG8gd29ybGQ\naGVsbG8=\n-----END PRIVATE KEY-----")]),
        ('"dateOfBirth":"01/11/1945"', [("DATE_OF_BIRTH", "01/11/1945")]),
        ("| DOB | 07/05/1984 |", [("DATE_OF_BIRTH", "07/05/1984")]),
        ("DOB: 1986/07/16", [("DATE_OF_BIRTH", "1986/07/16")]),
        ("Lindenweg 120, 87318 München", [("ADDRESS", "Lindenweg 120, 87318 München")]),
        ("2 rue de Rivoli, 75043 Paris", [("ADDRESS", "2 rue de Rivoli, 75043 Paris")]),
        ("Avenida San Juan 90, 41001 Sevilla", [("ADDRESS", "Avenida San Juan 90, 41001 Sevilla")]),
        ("Via Dante Alighieri, 36, 50122 Firenze", [
            ("ADDRESS", "Via Dante Alighieri, 36, 50122 Firenze")]),
        ("Julianalaan 284, 3302 KL Groningen", [("ADDRESS", "Julianalaan 284, 3302 KL Groningen")]),
        ("An der Alten Mühle 142a, 70173 Stuttgart", [
            ("ADDRESS", "An der Alten Mühle 142a, 70173 Stuttgart")]),
        ("106 Mill Road, Manchester M20 8ZP", [("ADDRESS", "106 Mill Road, Manchester M20 8ZP")]),
        ("Flat 23, 155 Grove Crescent, Cambridge, CB1 3XD", [
            ("ADDRESS", "Flat 23, 155 Grove Crescent, Cambridge, CB1 3XD")]),
        ("Geburtsdatum: 01.12.1983", [("DATE_OF_BIRTH", "01.12.1983")]),
        ("née le 25 mars 1946", [("DATE_OF_BIRTH", "25 mars 1946")]),
        ("Kennwort: cY5CDBNcLaUz", [("SECRET", "cY5CDBNcLaUz")]),
        ("pw: NH0qdN7VExMz*j83pcgP", [("SECRET", "NH0qdN7VExMz*j83pcgP")]),
        ("+33 (0)6 01 66 19 21", [("PHONE", "+33 (0)6 01 66 19 21")]),
        ("Username: sfreeman\nrole: admin", [("USER_NAME", "sfreeman")]),
        ('{"pan_number": "BQIPL7434O"}', [("NATIONAL_ID", "BQIPL7434O")]),
        ("ping 1.6.6.4", [("IP", "1.6.6.4")]),
        ("mail it to PO Box 3748, Dayton, OH 67567", [
            ("ADDRESS", "PO Box 3748, Dayton, OH 67567")]),
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
        "pip install torch==4.4.5.9",
        '{"version": "6.0.7.31"}',
        "see section 1.6.6.4 and JDK 11.0.12.1",
        "die Bestellung 41736982 und bestelling 8623768452",
        '{"ean": 5258327309091, "transaction_id": "4596121062877390"}',
        '{"user_id": 525598145}',
        "username: string",
        "API_KEY=your_api_key_here0",
        "see arXiv:0929.75123",
        "order no. 9227 5122 4993 is late",
        "12,345,678,901,234 of 1,234,567,890",
        "it costs 12 345 678,90 in all",
        "the block 10.0.0.0/8 is private",
        "2020 2021 2022 2023 2024 2025 2026",
        "https://example.com:8080/@someone",
        r"\\nabla \\times \\theta \\newline",
        "297 - 22 - 9462",
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


def test_numbers_of_each_region_as_they_are_written_there() -> None:
    missed = set()
    for region in phonenumbers.SUPPORTED_REGIONS:
        value = example_number(region)
        detector = Detector(entities(PiiConfig.from_mapping({"regions": [region]})))
        hits = [hit.entity for hit in detector.find(f"call me at {value}")]
        if hits != ["PHONE"]:
            # Of few digits, or like a date.
            assert sum(map(str.isdigit, value)) < 7 or region == "HT"
            missed.add(region)
    assert len(missed) <= 14


@pytest.mark.parametrize("region", ["us", "XX", "UK", ""])
def test_an_unknown_region_is_an_error(region: str) -> None:
    with pytest.raises(ConfigError, match=r"regions.*expected codes such as US, GB, DE"):
        PiiConfig.from_mapping({"regions": ["US", region]})


def test_a_region_that_is_declared_is_recognised() -> None:
    text = "They reach me at 785 8949 in Reykjavik, call 455 6186"
    icelandic = Detector(entities(PiiConfig(regions=("IS",))))
    assert [text[h.start : h.end] for h in icelandic.find(text)] == ["785 8949", "455 6186"]


def test_random_digits_rarely_look_like_anything() -> None:
    rng = random.Random(0)
    texts = ["".join(rng.choice("0123456789") for _ in range(9)) for _ in range(2000)]
    assert sum(bool(found(f"item {text} in stock")) for text in texts) == 0
