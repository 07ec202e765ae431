"""What only words nearby make personal: dates of birth, postal addresses, user names."""

import random
import re

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import Canary, Entity, Listed, Rule, Span, before

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}\.?,? ?\d{{4}}"
    rf"|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? ?\d{{4}})"
)
_BIRTH = re.compile(
    r"(?<![a-z])(?:date[ _-]of[ _-]birth|d\.?o\.?b\.?|(?:my|her|his|their) birthday"
    r"|my birth[ _-]?date|birth[ _-]?date(?=[\"']?[:=])|i was born|i'm born|i am born)"
    r"[\"']?(?: is| was|:| =|=| -)?(?: on| in)?[ \"']{0,3}"
    rf"(?P<value>{_DATE})(?!\w)",
    re.IGNORECASE,
)
_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Place|Pl|Terrace"
    r"|Square|Sq|Highway|Hwy|Parkway|Pkwy|Circle|Cir|Close|Crescent|Trail)"
)
_ADDRESS = re.compile(
    r"(?<![\w.,$-])\d{1,5}[A-Za-z]?(?: [NSEW]\.?)?(?: (?:[A-Z][\w'-]{1,20}|\d{1,3}(?:st|nd|rd|th)))"
    rf"{{1,4}}? {_STREET}\b\.?(?:,? (?:Apt|Apartment|Suite|Unit|Ste|#)\.? ?\w{{1,6}})?"
    r"(?:, ?[A-Z][\w'-]{1,20}(?: [A-Z][\w'-]{1,20}){0,2}){0,2}(?:,? [A-Z]{2})?"
    r"(?P<zip>,? \d{5}(?:-\d{4})?| [A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})?"
)
_ADDRESS_WORDS = re.compile(
    r"address|\bliv(?:e|es|ing)\b|resid|\bship|deliver|\bmail\b|\bhome\b|located|mov(?:e|ed|ing) to"
)
_USER = re.compile(
    r"(?<![a-z])(?:user[ _-]?name|user[ _-]id|screen ?name|login(?: name)?|my handle"
    r"|(?:twitter|instagram|telegram|discord|snapchat|tiktok|github|skype|reddit)"
    r"(?: (?:handle|user ?name|name|id|account))?)[\"']?(?: is| was|:| =|=)[ \"'`]{0,2}"
    r"(?P<value>@?\w[\w.-]{2,}+)",
    re.IGNORECASE,
)
_WORD_AND_NUMBER = re.compile(r"(?=.*[\d_]).*[^\W\d_]")
_ADDRESS_SHAPE = re.compile(rf"\d[A-Za-z]? [A-Z\d][\w.' -]{{1,80}} {_STREET}\b")


def date_of_birth(config: PiiConfig) -> Entity:
    """Dates of birth that are said to be one; not the birth of people in an encyclopaedia."""

    def canary(rng: random.Random) -> Canary:
        year, month, day = rng.randrange(1940, 2005), rng.randrange(1, 13), rng.randrange(1, 29)
        value = rng.choice((f"{year}-{month:02d}-{day:02d}", f"{day}/{month}/{year}"))
        return Canary(f"my date of birth is {value}", value)

    rule = Rule(
        "date_of_birth.said", _BIRTH, needles=("birth", "dob", "d.o.b", "born"), at_needle=True
    )
    return Entity("DATE_OF_BIRTH", (rule,), "redact", False, canary)


def address(config: PiiConfig) -> Entity:
    """Postal addresses with a street, beside a word such as "live", or with a postal code."""

    def check(match: re.Match[str]) -> Span | None:
        if match["zip"] or _ADDRESS_WORDS.search(before(match, 60)):
            return match.span()
        return None

    def canary(rng: random.Random) -> Canary:
        street = rng.choice(("Maple Street", "Old Mill Road", "Lincoln Ave"))
        value = f"{rng.randrange(1, 9999)} {street}, Springfield, IL {rng.randrange(10000, 99999)}"
        return Canary(f"I live at {value}", value)

    rule = Rule("address.street", _ADDRESS, shape=_ADDRESS_SHAPE, check=check)
    return Entity("ADDRESS", (rule,), "redact", False, canary)


def user_name(config: PiiConfig) -> Entity:
    """User names and handles that are said to be one."""

    def check(match: re.Match[str]) -> Span | None:
        value = match["value"].rstrip(".-")
        if value.startswith("@") or _WORD_AND_NUMBER.match(value):
            return match.start("value"), match.start("value") + len(value)
        return None

    def canary(rng: random.Random) -> Canary:
        value = f"{rng.choice(('night', 'sunny', 'pixel'))}_{rng.choice('abc')}{rng.randrange(999)}"
        return Canary(f"my username is {value}", value)

    needles = ("user", "screen", "login", "handle", "twitter", "instagram", "telegram", "discord",
               "snapchat", "tiktok", "github", "skype", "reddit")  # fmt: skip
    rule = Rule("user_name.said", _USER, needles=needles, check=check, at_needle=True)
    return Entity("USER_NAME", (rule,), "redact", False, canary)


ENTITIES = (Listed(120, date_of_birth), Listed(130, address), Listed(140, user_name))
