"""Payment cards, bank accounts (IBAN), crypto addresses."""

import functools
import hashlib
import random
import re

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import (
    DIGITS,
    Canary,
    Entity,
    Listed,
    Rule,
    Span,
    before,
    called_otherwise,
    digits,
    letters,
)

#: A comma beside so long a number parts fields, not thousands.
_CARD_PLAIN = re.compile(r"(?<![\w.+-])\d{12,19}(?!\w|\.\d)")
_CARD_GROUPED = re.compile(
    r"(?<![\w+])(?<!\d[ .-])\d{4}(?P<gap>  |[ .-])\d{4,6}(?:(?P=gap)\d{2,7}){1,3}(?!\w|[ -]\d)"
)
#: Four fours where more numbers stand beside them: what it expires and its code, or another card.
_CARD_FOURS = re.compile(
    r"(?<![\w+])\d{4}(?P<gap>  |[ .-])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}"
    r"(?P<more>(?P=gap)\d{4}(?!\w))?(?!\w)"
)
_FOUR_BEFORE = re.compile(r"(?<!\w)\d{4}[ .-]$")
#: First digits of the issuers: Visa, Mastercard, Amex, Diners, Discover, JCB, UnionPay, Maestro.
_ISSUER = re.compile(r"4|5[0-8]|2[2-7]|3[0-9]|6|1800|2131")
_CARD_WORDS = ("card", "visa", "master", "amex", "credit", "debit", "payment", "cc")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_IBAN_GATE = r"[A-Za-z]{2}\d\d[ -]?[A-Za-z0-9]{4}[ -]?[A-Za-z0-9]{4}[ -]?[A-Za-z0-9]{3}"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BITCOIN = re.compile(rf"(?<![A-Za-z0-9])[13][{_BASE58}]{{25,34}}(?![A-Za-z0-9])")
_BECH32 = re.compile(r"(?<![A-Za-z0-9])bc1[ac-hj-np-z02-9]{8,87}(?![A-Za-z0-9])", re.IGNORECASE)
_ETHEREUM = re.compile(r"(?<![A-Za-z0-9])0x[0-9a-fA-F]{40}(?![A-Za-z0-9])")


def luhn(number: str) -> bool:
    """The checksum of payment cards (ISO/IEC 7812-1)."""
    total = 0
    for position, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(config: PiiConfig) -> Entity:
    """Payment cards: 12 to 19 digits, Luhn, and an issuer's first digits or a word nearby."""

    def check(match: re.Match[str]) -> Span | None:
        number = "".join(filter(str.isdigit, match.group()))
        if not number.isascii() or not 12 <= len(number) <= 19 or len(set(number)) == 1:
            return None
        if not luhn(number):
            return None
        # One number in ten passes the checksum: an issuer's prefix, or words, make the rest.
        # Articles (EAN) have thirteen digits, and of the cards only old ones of Visa.
        known = _ISSUER.match(number) and (len(number) > 13 or number[0] == "4")
        known = known and not (match.group().isdigit() and called_otherwise(match))
        if known or any(word in before(match, 40) for word in _CARD_WORDS):
            return match.span()
        return None

    def fours(match: re.Match[str]) -> Span | None:
        end = match.start("more") if match["more"] else match.end()
        number = "".join(filter(str.isdigit, match.string[match.start() : end]))
        if not luhn(number) or not _ISSUER.match(number):
            return None
        # Of a table of such numbers every tenth passes the checksum.
        alone = not match["more"] and not _FOUR_BEFORE.search(before(match, 5))
        said = any(word in before(match, 60) for word in _CARD_WORDS)
        return (match.start(), end) if alone or said else None

    def canary(rng: random.Random) -> Canary:
        body = rng.choice(("4", "51", "2221", "6011")) + digits(rng, 15)
        number = next(n for d in "0123456789" if luhn(n := body[:15] + d))
        gap = rng.choice(("", " ", "-"))
        value = gap.join(number[i : i + 4] for i in range(0, 16, 4))
        return Canary(value, value)

    rules = (
        Rule("card.plain", _CARD_PLAIN, gate=DIGITS, check=check),
        Rule("card.grouped", _CARD_GROUPED, gate=DIGITS, check=check),
        Rule("card.fours", _CARD_FOURS, gate=DIGITS, check=fours),
    )
    return Entity("CARD", rules, "drop", True, canary)


def iban(config: PiiConfig) -> Entity:
    """Bank accounts: the country's length and structure, and the ISO 7064 checksum."""

    def check(match: re.Match[str]) -> Span | None:
        from stdnum import iban as standard

        text = match.group()
        # Words may follow that look like more of it: the country's length decides.
        ends = [i + 1 for i, character in enumerate(text) if character.isalnum()]
        length = _iban_length(text[:2].upper())
        if 0 < length <= len(ends) and standard.is_valid(text[: ends[length - 1]]):
            return match.start(), match.start() + ends[length - 1]
        return None

    def canary(rng: random.Random) -> Canary:
        from stdnum import iban as standard

        country, account = rng.choice((("DE", digits(rng, 18)), ("GB", "WEST" + digits(rng, 14))))
        check_digits = standard.calc_check_digits(f"{country}00{account}")
        number = f"{country}{check_digits}{account}"
        gap = rng.choice(("", " "))
        value = gap.join(number[i : i + 4] for i in range(0, len(number), 4))
        return Canary(f"{value} please", value)

    rule = Rule("iban.account", _IBAN, gate=_IBAN_GATE, check=check)
    return Entity("IBAN", (rule,), "drop", True, canary)


@functools.cache
def _iban_length(country: str) -> int:
    """The length of a country's IBANs by the registry that python-stdnum holds; 0 if none."""
    from stdnum import numdb

    (_, properties), *_ = numdb.get("iban").info(country)
    parts = re.findall(r"(\d+)!?[nace]", properties.get("bban", ""))
    return 4 + sum(map(int, parts)) if parts else 0


def crypto(config: PiiConfig) -> Entity:
    """Bitcoin addresses (base58check, bech32) and Ethereum addresses."""

    def check(match: re.Match[str]) -> Span | None:
        from stdnum import bitcoin

        return match.span() if bitcoin.is_valid(match.group()) else None

    def canary(rng: random.Random) -> Canary:
        if rng.random() < 0.5:
            value = "0x" + letters(rng, 40, "0123456789abcdef")
        else:
            value = _base58check(b"\x00" + rng.randbytes(20))
        return Canary(value, value)

    rules = (
        Rule(
            "crypto.bitcoin",
            _BITCOIN,
            check=check,
            gate=rf"[13][{_BASE58}]{{25}}",
        ),
        Rule(
            "crypto.bech32",
            _BECH32,
            check=check,
            gate="(?i:bc1[ac-hj-np-z02-9]{8})",
        ),
        Rule(
            "crypto.ethereum",
            _ETHEREUM,
            gate="(?i:0x)[0-9a-fA-F]{40}",
        ),
    )
    return Entity("CRYPTO", rules, "redact", True, canary)


def _base58check(payload: bytes) -> str:
    double = hashlib.sha256(hashlib.sha256(payload).digest()).digest()
    number = int.from_bytes(payload + double[:4], "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(payload) - len(payload.lstrip(b"\x00"))) + text


ENTITIES = (Listed(40, iban), Listed(50, card), Listed(80, crypto))
