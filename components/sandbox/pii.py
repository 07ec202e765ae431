"""PII canaries: made-up values of every kind, valid in form, planted in prompts of their own.

Preparation has to find every one of them; the answer sheet is published apart from the prompts.
"""

import ipaddress
import random
import string
from collections.abc import Callable, Mapping

_DIGITS = string.digits
_LETTERS = string.ascii_letters + string.digits


def _some(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def _email(rng: random.Random) -> str:
    return f"{_some(rng, string.ascii_lowercase, 6)}.{_some(rng, _DIGITS, 2)}@example.com"


def _phone(rng: random.Random) -> str:
    """A North American number in an assigned area, in one of three usual spellings."""
    area = rng.choice(("212", "312", "415", "617", "206"))
    exchange, line = f"{rng.randint(220, 489)}", _some(rng, _DIGITS, 4)
    form = rng.choice(("+1 {0} {1} {2}", "({0}) {1}-{2}", "+1-{0}-{1}-{2}"))
    return form.format(area, exchange, line)


def _card(rng: random.Random) -> str:
    """A 16-digit number with a valid Luhn digit, in groups of four."""
    body = "4" + _some(rng, _DIGITS, 14)
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    number = body + str(-total % 10)
    separator = rng.choice((" ", "-", ""))
    return separator.join(number[at : at + 4] for at in range(0, 16, 4))


def _ssn(rng: random.Random) -> str:
    return f"{rng.randint(1, 665):03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}"


def _iban(rng: random.Random) -> str:
    """A German IBAN with valid check digits (ISO 13616, mod 97)."""
    account = _some(rng, _DIGITS, 18)
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02d}{account}"


def _ip(rng: random.Random) -> str:
    return str(ipaddress.IPv4Address(rng.randint(0x0B000000, 0x7E000000)))


def _secret(rng: random.Random) -> str:
    forms: tuple[tuple[str, str, int], ...] = (
        ("AKIA", string.ascii_uppercase + "234567", 16),
        ("ghp_", _LETTERS, 36),
        ("sk-", _LETTERS, 48),
    )
    prefix, alphabet, length = rng.choice(forms)
    return prefix + _some(rng, alphabet, length)


#: Entity -> how a value is made, and the sentence it is planted with.
CANARIES: Mapping[str, tuple[Callable[[random.Random], str], str]] = {
    "EMAIL": (_email, "my email is {value}."),
    "PHONE": (_phone, "call me at {value}."),
    "CARD": (_card, "my card is {value}."),
    "SSN": (_ssn, "my ssn is {value}."),
    "IBAN": (_iban, "my iban is {value}."),
    "IP": (_ip, "my server is {value}."),
    "SECRET": (_secret, "my api key is {value}."),
}


def draw_canary(entity: str, rng: random.Random) -> tuple[str, str]:
    """A value of an entity, and the sentence that holds it."""
    make, sentence = CANARIES[entity]
    value = make(rng)
    return value, sentence.format(value=value)
