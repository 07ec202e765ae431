"""How the gold set's values are drawn: from the standards, and nothing from the detectors.

Check digits are python-stdnum's, phone numbers libphonenumber's.
"""

import base64
import hashlib
import importlib
import random
from collections.abc import Callable

import phonenumbers
from stdnum import iban as iban_standard
from stdnum import luhn as luhn_standard

DIGITS, HEX = "0123456789", "0123456789abcdef"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WORD = DIGITS + UPPER + UPPER.lower()

#: Sentences that say nothing about what stands in them.
PLAIN = (
    "{}",
    "Hi, I got {} from him.",
    "({})",
    'row = "{}"',
    "first line\n{}\nlast line",
    "<td>{}</td>",
    "Here it is: {}.",
    "Is {} right?",
    "a; {}; b",
    "Please check {}, then go on.",
    "> {}",
    "**{}**",
)

Draw = Callable[[random.Random], tuple[str, tuple[str, ...]]]


def filled(form: str, rng: random.Random) -> str:
    """``#`` becomes a digit, ``^`` a capital, ``*`` a letter or digit, ``~`` a hex digit."""
    kinds = {"#": DIGITS, "^": UPPER, "*": WORD, "~": HEX}
    return "".join(rng.choice(kinds[c]) if c in kinds else c for c in form)


def one_of(forms: tuple[str, ...], carriers: tuple[str, ...] = PLAIN) -> Draw:
    return lambda rng: (filled(rng.choice(forms), rng), carriers)


def grouped(number: str, sizes: tuple[int, ...], gap: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return gap.join([*parts, number[at:]] if number[at:] else parts)


def card(prefixes: tuple[str, ...], length: int, sizes: tuple[int, ...]) -> Draw:
    def draw(rng: random.Random) -> tuple[str, tuple[str, ...]]:
        body = filled((rng.choice(prefixes) + "#" * length)[: length - 1], rng)
        number = body + luhn_standard.calc_check_digit(body)
        if length < 13:
            return number, ("my card number is {}", "debit card {}", "card: {}.")
        return grouped(number, sizes, rng.choice(("", " ", "-", "."))), PLAIN

    return draw


def iban(country: str, account: str) -> Draw:
    def draw(rng: random.Random) -> tuple[str, tuple[str, ...]]:
        while True:
            number = f"{country}00{filled(account, rng).upper()}"
            number = country + iban_standard.calc_check_digits(number) + number[4:]
            if iban_standard.is_valid(number):
                break
        gap = rng.choice(("", " ", "-"))
        shown = grouped(number, (4,) * 8, gap).rstrip(" -")
        return rng.choice((shown, shown, shown.lower())), PLAIN

    return draw


def national(module: str, form: str, words: tuple[str, ...] = PLAIN) -> Draw:
    standard = importlib.import_module(f"stdnum.{module}")

    def draw(rng: random.Random) -> tuple[str, tuple[str, ...]]:
        while not standard.is_valid(value := filled(form, rng)):
            pass
        return value, words

    return draw


SAID = (
    "call me at {}",
    "Phone: {}",
    "my number is {}.",
    "You can reach me on {} after 6",
    "tel. {}",
    "WhatsApp {}",
    "Fax: {}\nbye",
    "text me at {} please",
    "{} (mobile)",
)


def phone(region: str, style: str) -> Draw:
    formats = phonenumbers.PhoneNumberFormat

    def draw(rng: random.Random) -> tuple[str, tuple[str, ...]]:
        kind = rng.choice(
            (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
        )
        example = phonenumbers.example_number_for_type(region, kind)
        body = phonenumbers.national_significant_number(example)
        while True:
            changed = body[:4] + filled("#" * (len(body) - 4), rng)
            number = phonenumbers.parse(changed, region)
            if phonenumbers.is_valid_number(number):
                break
        if style == "international":
            shown = phonenumbers.format_number(number, formats.INTERNATIONAL)
            return rng.choice((shown, shown.replace(" ", "-"))), PLAIN + SAID
        if style == "e164":
            return phonenumbers.format_number(number, formats.E164), PLAIN + SAID
        shown = phonenumbers.format_number(number, formats.NATIONAL)
        if style == "digits":
            shown = "".join(filter(str.isdigit, shown))
        if style == "dialled":
            shown = phonenumbers.format_out_of_country_calling_number(number, "CH")
            return shown, SAID
        return rng.choice((shown, shown, shown.replace(" ", "."), shown.replace(" ", "-"))), SAID

    return draw


def base58check(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    payload = rng.choice((b"\x00", b"\x05")) + rng.randbytes(20)
    total = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(total, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return "1" * (len(total) - len(total.lstrip(b"\x00"))) + text, PLAIN


def bech32(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """A version 0 witness program of 20 or 32 bytes (BIP 173)."""
    program = rng.randbytes(rng.choice((20, 32)))
    bits = "".join(f"{byte:08b}" for byte in program)
    bits += "0" * (-len(bits) % 5)
    data = [0] + [int(bits[i : i + 5], 2) for i in range(0, len(bits), 5)]
    check = 1
    for value in [3, 3, 0, 2, 3, *data, 0, 0, 0, 0, 0, 0]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= g if top >> i & 1 else 0
    check ^= 1
    sums = [check >> 5 * (5 - i) & 31 for i in range(6)]
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    return "bc1" + "".join(letters[value] for value in data + sums), PLAIN


def ssn(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    area = rng.choice([a for a in range(1, 900) if a != 666])
    gap = rng.choice(("-", "-", " ", "", "."))
    value = gap.join(
        (f"{area:03d}", f"{rng.randrange(1, 100):02d}", f"{rng.randrange(1, 10000):04d}")
    )
    return value, PLAIN if gap == "-" else ("my ssn is {}", "SSN: {}", "social security number {}.")


def ipv6(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    groups = [f"{rng.randrange(1, 65536):x}" for _ in range(8)]
    cut = rng.randrange(2, 6)
    full, short = ":".join(groups), f"{':'.join(groups[:cut])}::{groups[-1]}"
    mapped = f"::ffff:203.0.113.{rng.randrange(256)}"
    return rng.choice((full, full.upper(), short, mapped)), PLAIN


def ipv4(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    value = f"{rng.randrange(1, 224)}.{'.'.join(str(rng.randrange(256)) for _ in range(3))}"
    if value.startswith("127."):
        value = "8" + value[3:]
    return value, (*PLAIN, "ping {}:8080", "http://{}/login", "from {} port 22", "[{}] GET /")


def jwt(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    head, body = part('{"alg":"HS256","typ":"JWT"}'), part(f'{{"sub":"{rng.randrange(10**9)}"}}')
    return f"{head}.{body}.{filled('*' * 43, rng)}", (*PLAIN, "Authorization: Bearer {}")


def birth(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    year, month, day = rng.randrange(1940, 2008), rng.randrange(1, 13), rng.randrange(1, 29)
    name = "January February March April May June July August September October November December"
    word = name.split()[month - 1]
    shown = rng.choice(
        (
            f"{year}-{month:02d}-{day:02d}",
            f"{month}/{day}/{year}",
            f"{day}.{month}.{year}",
            f"{day} {word} {year}",
            f"{word} {day}, {year}",
            f"{word[:3]} {day}, {year}",
            f"{month:02d}/{day:02d}/{year % 100:02d}",
        )
    )
    return shown, (
        "my date of birth is {}",
        "DOB: {}",
        "Date of birth: {}\nName: J",
        "I was born on {}.",
        "her birthday is {}",
        '"date_of_birth": "{}"',
        "D.O.B. {}",
    )


def address(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    street = rng.choice(
        ("Maple Street", "Old Mill Road", "N. Lincoln Ave", "5th Avenue", "Elm Ct", "Birch Lane")
    )
    town, state = rng.choice((("Springfield", "IL"), ("Salem", "OR"), ("New Haven", "CT")))
    number, code = rng.randrange(1, 9999), f"{rng.randrange(10000, 99999)}"
    whole = rng.choice(
        (
            f"{number} {street}, {town}, {state} {code}",
            f"{number} {street}, Apt {number % 90}, {town}, {state} {code}",
            f"{number} {street}\n{town}, {state} {code}",
        )
    )
    house = number % 200 + 1
    british = f"{house} {rng.choice(('Church Lane', 'High Street'))}, Leeds LS1 4AB"
    german = f"{rng.choice(('Hauptstrasse', 'Lindenweg', 'Goethestraße'))} {house}, {code} Berlin"
    said = ("My address is {}.", "I live at {}", "Please ship it to {}, thanks", "Home address: {}")
    shown = rng.choice((whole, british, german))
    return shown, said


def user_name(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    name = rng.choice(("night_owl", "jdoe", "pixel.queen", "the-real-tom"))
    name += str(rng.randrange(10, 9999))
    return name, (
        "my username is {}",
        "Username: {}\nPassword: no",
        "user name: {}",
        "login: {}",
        "my Instagram handle is {}",
        "GitHub: {}",
        "user_id={}",
        "screen name {}".replace("name", "name:"),
    )


def plain_user_name(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """One without a digit, which could be a word."""
    name = rng.choice(("sunflower", "JaneDoe", "mighty-mouse", "zorro", "bluewhale"))
    said = ("my username is {}", "my Discord name is {}.", "my handle is {}", "I am @{} there")
    return name, said


def password(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    value = filled(
        rng.choice(("Xk#*@*7!", "~~~~~~~~~~~~~~~~a1", "*****-*****-***7x", "@*#*q*#*!8Zr")), rng
    )
    return value, (
        "password: {}",
        "my password is {}",
        "api_key = '{}'",
        "AWS_SECRET_ACCESS_KEY={}",
        'client_secret: "{}"',
        "token={}",
    )


def key(*forms: str) -> Draw:
    return one_of(forms, (*PLAIN, "export KEY={}", "curl -H 'X-Key: {}'"))
