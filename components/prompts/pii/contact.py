"""E-mail addresses and phone numbers."""

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
    before,
    digits,
)

_LOCAL = r"(?<![\w.+%'-])(?P<local>[\w.+%'-]++)"
_EMAIL = re.compile(_LOCAL + r"@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
_HIDDEN_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64} ?[\[({] ?at ?[\])}] ?[\w-]{1,63}"
    r"(?: ?(?:\.|[\[({] ?dot ?[\])}]) ?[\w-]{1,63}){1,4}",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w./+=#$€£%-])(?<!\d,)(?:\+ ?)?\(?\d[\d().\-/ ]{5,24}\d(?: {0,2}(?:x|ext\.?) ?\d{1,6})?"
    r"(?![\w%]|[.,:/-]\d)",
    re.IGNORECASE,
)
_PHONE_WORDS = re.compile(
    r"phone|\btel\b|telefon|\bcall|mobile|\bcell|\bfax|whatsapp|\bsms\b|text me|contact|\breach"
    r"|\bring\b|\bdial|handy|my number|\bportable\b|t[ée]l"
)
_EXTENSION = re.compile(r" {0,2}(?:x|ext\.?) ?\d{1,6}$", re.IGNORECASE)
_NANP = re.compile(r"(?:(?:\+?1|001)[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}$")
_DATE = re.compile(r"\d{1,4}([-/. ])\d{1,2}\1\d{1,4}$|\d{4} ?- ?\d{4}$|\d{4}-\d\d-\d\d[ T]")
_DECIMAL = re.compile(r"\d+\.\d+$|\d{1,3}(?:\.\d{3})+$")


def email(config: PiiConfig) -> Entity:
    """E-mail addresses, also with (at) and [dot] spelled out."""

    def check(match: re.Match[str]) -> Span | None:
        if match["local"].lower() == "git":  # an account that everyone shares, not a person's
            return None
        start = match.start() + len(match["local"]) - len(match["local"].lstrip(".'-%+"))
        return (start, match.end()) if match["local"].strip(".'-%+") else None

    def canary(rng: random.Random) -> Canary:
        name = rng.choice(("jo.miller", "anna_k", "r+news", "li-wei"))
        host = rng.choice(("example.com", "mail.example.org", "post.example.co.uk"))
        value = f"{name}{rng.randrange(1000)}@{host}"
        return Canary(f"{value}.", value)

    rules = (
        Rule("email.address", _EMAIL, needles=("@",), check=check),
        Rule(
            "email.spelled_out",
            _HIDDEN_EMAIL,
            needles=("[at", "(at", "{at", "[ at", "( at", "{ at"),
        ),
    )
    return Entity("EMAIL", rules, "redact", True, canary)


def phone(config: PiiConfig) -> Entity:
    """Phone numbers that libphonenumber holds for valid: with a country code anywhere, in national
    format in ``regions``. Bare digits need a word such as "call" nearby."""

    regions = config.regions

    def check(match: re.Match[str]) -> Span | None:
        context = _PHONE_WORDS.search(before(match, 40)) is not None
        # The home region first: another one's longer numbers would swallow the next number.
        for tried in (regions[:1], regions[1:]):
            for start, end in _candidates(match):
                # Parts of a match are judged by shape alone unless words speak for a number.
                judges = tried if context or (start, end) == match.span() else ()
                if _is_phone(match.string[start:end], judges, context):
                    return start, end
        return None

    def canary(rng: random.Random) -> Canary:
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

    rule = Rule("phone.number", _PHONE, shape=DIGITS, check=check)
    return Entity("PHONE", (rule,), "redact", False, canary)


def _candidates(match: re.Match[str]) -> Iterator[Span]:
    """The match, then runs of its space-separated groups, longest first: two numbers in a row."""
    yield match.span()
    text = match.group()
    starts = [match.start(), *(match.start() + i + 1 for i, c in enumerate(text) if c == " ")]
    if 2 <= len(starts) <= 6:
        ends = [*(start - 1 for start in starts[1:]), match.end()]
        for size in range(len(starts) - 1, 0, -1):
            for first in range(len(starts) - size + 1):
                yield starts[first], ends[first + size - 1]


def _is_phone(text: str, regions: tuple[str, ...], context: bool) -> bool:
    text = _EXTENSION.sub("", text)
    count = sum(map(str.isdigit, text))
    if not 7 <= count <= 18 or _DATE.match(text) or _DECIMAL.match(text):
        return False
    if text.count("(") != text.count(")"):
        return False
    import phonenumbers  # takes a tenth of a second: only where a number is to be judged

    def valid(region: str | None) -> bool:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            return False
        if context and region in (None, "US", "CA"):
            return phonenumbers.is_possible_number(number)
        return phonenumbers.is_valid_number(number)

    if text.startswith("+"):
        return valid(None)
    if _NANP.match(text):
        return True
    grouped = len(re.split(r"[^\d]+", text.strip("()"))) > 1
    # National formats outside North America start with the trunk prefix 0.
    if context or (grouped and text.lstrip("(").startswith("0")):
        return any(valid(region) for region in regions)
    return False


ENTITIES = (Listed(30, email), Listed(110, phone))
