"""Phone numbers.

libphonenumber knows which numbers exist; words nearby tell a number from an amount. Three grades of
evidence: a shape that only phone numbers have (a country code; North American grouping; a trunk
zero and groups), a word about phoning within some forty characters, and such a word right beside
the number ("Phone: ...", "... fax"). The weaker the shape, the more the words have to say.
"""

import random
import re
from collections.abc import Iterator

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import (
    DIGITS,
    Canary,
    Entity,
    Listed,
    Rule,
    Span,
    after,
    before,
    called_otherwise,
    digits,
)

_PHONE = re.compile(
    r"(?<![\w./+$€£%-])(?:\+ ?)?\(?\d[\d().\-/ ]{5,24}\d(?: {0,2}(?:x|ext\.?) ?\d{1,6})?"
    r"(?![\w%]|[.:/-]\d)",
    re.IGNORECASE,
)
_WORD = (
    r"phone|\btel\b|telefon|\bcall|mobile|\bcell|\bfax|whatsapp|\bsms\b|\btext (?:me|us)|contact"
    r"|\breach|\bring\b|\bdial|handy|my number|\bportable\b|(?<![a-z])t[ée]l|answering at|\bhotline"
    r"|\bmob\b|\bph\b"
    r"|\bruf(?:e|en)?\b|\banruf|ll[áa]ma|m[óo]vil|\bcel(?:ular|lulare)\b|chiama|\bappel"
)
_NEARBY = re.compile(_WORD)
_BEFORE = re.compile(
    rf"(?:{_WORD})(?:[ -](?:me|us|him|her|them|number|no|nr|home|up))?\.?"
    r"(?: (?:is|at|on|under|to|via|in|al|au|an))?[\"']?[ \t\n:=.(#-]{0,6}$"
)
_AFTER = re.compile(
    r"[ \t,(-]{0,3}(?:an, telefon|(?:office|fax|mobile|cell|home|work|desk|direct)\b)"
)
#: What amounts, shares and hashes of pages have before them, or a list's neighbour.
_NUMBER_BEFORE = re.compile(r"[=#]$|\d,$")
_DECIMALS = re.compile(r",\d")
_EXTENSION = re.compile(r" {0,2}(?:x|ext\.?) ?\d{1,6}$", re.IGNORECASE)
_NANP = re.compile(r"(?:(?:\+?1|001)[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}$")
#: A shape that no amount has.
_CERTAIN = re.compile(r"\+ ?\d|\(?\d{3}\)?[- ]\d{3}-\d{4}$")
_NANP_SPACED = re.compile(r"(?:(?:\+?1|001)[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}$")
_DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}$|\d{1,2} \d{1,2} \d{4}$|\d{4} \d{1,2} \d{1,2}$"
    r"|(?:1\d|20)\d\d ?- ?(?:1\d|20)\d\d$|\d{4}-\d\d-\d\d[ T]"
)
_DECIMAL = re.compile(r"(?!0\d)\d+\.\d+$|\d{1,3}(?:\.\d{3})+$")


def phone(config: PiiConfig) -> Entity:
    """Phone numbers that libphonenumber holds for valid: with a country code anywhere, in national
    format in ``regions``. Bare digits need a word such as "call" nearby."""
    regions = config.regions

    def check(match: re.Match[str]) -> Span | None:
        if called_otherwise(match):
            return None
        beside = _BEFORE.search(before(match, 48)) or _AFTER.match(after(match, 16))
        nearby = bool(beside or _NEARBY.search(before(match, 40)))
        plain = _NUMBER_BEFORE.search(before(match, 2)) or _DECIMALS.match(after(match, 2))
        if plain and not beside and not _CERTAIN.match(match.group()):
            return None
        if _is_phone(match.group(), regions, nearby):
            return match.span()
        # Two numbers in a row, or a number and another one's first digits. The home region first:
        # another one's longer numbers would swallow the next number.
        for tried in (regions[:1], regions[1:]):
            for start, end in _parts(match):
                if _is_phone(match.string[start:end], tried if nearby else (), nearby):
                    return start, end
        return match.span() if beside and _is_possible(match.group(), regions) else None

    def canary(rng: random.Random) -> Canary:
        if regions and rng.random() < 0.5:
            value = example_number(rng.choice(regions))
            return Canary(f"call me at {value}", value)
        number = f"{rng.randrange(200, 989)}-{rng.randrange(10):04d}"
        value = rng.choice(
            (
                f"+1 212 {number}",
                f"(415) {number}",
                f"+44 20 7946 {digits(rng, 4)}",
                f"+49 30 {rng.randrange(2, 9)}{digits(rng, 6)}",
            )
        )
        return Canary(f"call me at {value}", value)

    rule = Rule("phone.number", _PHONE, gate=DIGITS, check=check)
    return Entity("PHONE", (rule,), "redact", False, canary)


def example_number(region: str) -> str:
    """A number as a region's people write it at home."""
    import phonenumbers

    of_mobiles = phonenumbers.PhoneNumberType.MOBILE
    number = phonenumbers.example_number_for_type(region, of_mobiles)
    number = number or phonenumbers.example_number(region)
    assert number is not None  # the config takes known regions only
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))


def _parts(match: re.Match[str]) -> Iterator[Span]:
    """Runs of a match's space-separated groups, longest first."""
    text = match.group()
    starts = [match.start(), *(match.start() + i + 1 for i, c in enumerate(text) if c == " ")]
    if 2 <= len(starts) <= 6:
        ends = [*(start - 1 for start in starts[1:]), match.end()]
        for size in range(len(starts) - 1, 0, -1):
            for first in range(len(starts) - size + 1):
                yield starts[first], ends[first + size - 1]


def _shaped(text: str) -> str:
    """The number without its extension, or "" if it cannot be one."""
    text = _EXTENSION.sub("", text).replace("(0)", " ")
    count = sum(map(str.isdigit, text))
    if not 7 <= count <= 18 or _DATE.match(text) or _DECIMAL.match(text):
        return ""
    groups = re.findall(r"\d+", text)
    if sum(len(group) == 1 for group in groups) > 1 or count < 2 * len(groups) - 1:
        return ""  # a row of small numbers
    return text if text.count("(") == text.count(")") else ""


def _is_phone(text: str, regions: tuple[str, ...], nearby: bool) -> bool:
    text = _shaped(text)
    if not text:
        return False
    if _NANP.match(text) or (nearby and _NANP_SPACED.match(text)):
        return True
    # National formats outside North America start with the trunk prefix 0.
    grouped = len(re.split(r"[^\d]+", text.strip("()"))) > 1
    national = nearby or (grouped and text.lstrip("(").startswith("0"))
    if nearby and text.startswith("00"):
        text = "+" + text[2:]
    tried = (None,) if text.startswith("+") else regions if national else ()
    import phonenumbers  # takes a tenth of a second: only where a number is to be judged

    for region in tried:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_possible(text: str, regions: tuple[str, ...]) -> bool:
    """Whether a number has the right length. With words beside it, it need not be in service."""
    import phonenumbers

    text = _shaped(text)
    for region in regions if text and not text.startswith("+") else (None,) if text else ():
        try:
            if phonenumbers.is_possible_number(phonenumbers.parse(text, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


ENTITIES = (Listed(110, phone),)
