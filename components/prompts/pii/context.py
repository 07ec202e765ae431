"""What only words nearby make personal: dates of birth, user names."""

import random
import re

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import Canary, Entity, Listed, Rule, Span

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
    r"|januari?|februari?|märz|maart|mai|mei|jun[io]|jul[io]|augustus|okto?ber|dezember"
    r"|janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|se(?:p?tiembre|ttembre)|octubre|noviembre"
    r"|diciembre|gennaio|febbraio|aprile|maggio|giugno|luglio|ottobre|dicembre)"
)
_NUMERIC = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4})"
_DAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_YEAR = r"(?:\d{4}|'?\d{2})"
_DATE = (
    rf"(?:{_NUMERIC}(?:T[\d:.]{{5,15}}Z?)?|\d{{1,2}}-{_MONTH}-\d{{4}}"
    rf"|{_DAY}\d{{1,2}}(?:st|nd|rd|th|er|\.)?(?: of| de)? {_MONTH}\.?,?(?: de)? ?{_YEAR}"
    rf"|{_DAY}{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? ?{_YEAR})"
)
_SAID = (
    r"(?:date[ _-]?of[ _-]?birth|d[./]?o[./]?b\.?|birthday(?=[\"']?[:|]| \|)"
    r"|(?:my|her|his|their) b(?:irth|-)?day(?:'s)?"
    r"|my birth[ _-]?date"
    # In a form; with the month as a word it is an encyclopaedia's, of people who are known.
    r"|birth[ _-]?date(?=[\"']?[:= ][ \"']{0,3}\d[\d/.-]{7,9}(?!\w))"
    r"|i was born|i'm born|i am born"
    r"|geburts(?:datum|tag)|geboren am|geboortedatum|geboren op|date de naissance|née?(?:\(e\))? le"
    r"|(?:fecha|f\.) de nacimiento|f\. ?nacimiento|nac(?:í|ido|ida) el|data di nascita"
    r"|nat[oa](?: a [^\W\d_]{2,20})? il)"
    r"(?: \([dmy/. -]{4,12}\))?[\"']?"
    r"(?: is| was| ist| lautet| est| es| ?\||</t[dh]>\s?<td>|:| =|=| -|\. it's|\?)?"
    r"(?: on| in)?[ \t\n\"']{0,5}"
)
_BIRTH = re.compile(rf"(?<![a-z]){_SAID}(?P<value>{_DATE})(?!\w)", re.IGNORECASE)
#: Of others, only dates in figures: an encyclopaedia writes "27 January 1756".
_BORN = re.compile(rf"(?<![a-z])born(?: on|:)? {{0,2}}(?P<value>{_NUMERIC})(?!\w)", re.IGNORECASE)
#: Wider than both.
_BIRTH_GATE = (
    r"(?i:birth|b-?day|d[./]?o[./]?b|born|gebur|gebo|naissance|n[ée]e?(?:\(e\))? le|nac|nasc"
    r"|nat[oa] )[^0-9]*[0-9]"
)

_SITES = (
    r"(?:twitter|instagram|insta|telegram|discord|snapchat|tiktok|github|skype|reddit|facebook"
    r"|wechat|twitch)"
)
_ACCOUNT = (
    r"(?:user[ _-]?name|user[ _-]id|screen ?name|login(?: name)?|my handle|gamer ?tag"
    r"|benutzername|nom d'utilisateur|nombre de usuario|nome utente|gebruikersnaam|psn id"
    rf"|{_SITES}(?: (?:handle|user ?name|name|id|account))?)[\"']?"
)
_EQUALS = "(?: is| was| ist| lautet| est| es|:| =|=|>)"
_USER = re.compile(
    rf"(?<![a-z])(?:my )?{_ACCOUNT} {{0,2}}{_EQUALS}[ \"'`]{{0,3}}"
    r"(?P<value>@?\w[\w.-]{2,}+(?:#\d{4}\b)?)",
    re.IGNORECASE,
)
#: "follow me @night_owl7": a handle that is the writer's own.
_OWN = re.compile(
    r"(?<![a-z])(?:follow me|message me|dm me|text me|add me|find me|i'?m|i am|reach me)"
    r"(?: (?:on|at|as|here|over|via|under|to|my))?(?: (?:twitter|instagram|insta|insta|ig|telegram"
    r"|discord|snapchat|snap|tiktok|github|x|threads|mastodon|reddit))?(?: (?:as|at|under))?:? ?"
    r"(?P<value>@\w[\w.-]{2,}+)",
    re.IGNORECASE,
)
#: What may follow "my username is" and is none.
_NO_NAMES = frozenset({
    "the", "not", "already", "taken", "invalid", "wrong", "too", "correct", "case", "being",
    "displayed", "shown", "public", "private", "and", "set", "different", "unique", "incorrect",
    "unavailable", "available", "what", "required", "missing", "your",
})  # fmt: skip
_END = re.compile(r"[ \t\r\"'*|`]{0,8}(?:\n|$)")
_FORM = re.compile(r"user ?name[\"']? {0,2}:", re.IGNORECASE)
_TYPES = frozenset({
    "string", "str", "text", "varchar", "char", "int", "integer", "number", "bool", "boolean",
    "null", "none", "nil", "any", "object", "true", "false", "admin", "root", "user", "username",
    "name", "password", "email", "guest", "test", "optional", "anonymous", "default",
})  # fmt: skip
_WORD_AND_NUMBER = re.compile(r"(?=.*[\d_]).*[^\W\d_]")


def date_of_birth(config: PiiConfig) -> Entity:
    """Dates of birth that are said to be one; not the birth of people in an encyclopaedia."""

    def canary(rng: random.Random) -> Canary:
        year, month, day = rng.randrange(1940, 2005), rng.randrange(1, 13), rng.randrange(1, 29)
        value = rng.choice((f"{year}-{month:02d}-{day:02d}", f"{day}/{month}/{year}"))
        return Canary(f"my date of birth is {value}", value)

    rules = (
        Rule(
            "date_of_birth.said", _BIRTH, gate=_BIRTH_GATE
        ),
        Rule("date_of_birth.born", _BORN, gate=_BIRTH_GATE),
    )  # fmt: skip
    return Entity("DATE_OF_BIRTH", rules, "redact", False, canary)


def user_name(config: PiiConfig) -> Entity:
    """User names and handles that are said to be one."""

    def check(match: re.Match[str]) -> Span | None:
        value = match["value"].rstrip(".-")
        own = match.group()[:3].lower() == "my " and value.lower() not in _NO_NAMES
        # "Username: sfreeman", a line of a form; "username: string" is a line of a program.
        alone = _FORM.search(match.group()) and _END.match(match.string, match.end("value"))
        form = alone and value.lower() not in _NO_NAMES | _TYPES
        if own or form or value.startswith("@") or _WORD_AND_NUMBER.match(value):
            return match.start("value"), match.start("value") + len(value)
        return None

    def canary(rng: random.Random) -> Canary:
        value = f"{rng.choice(('night', 'sunny', 'pixel'))}_{rng.choice('abc')}{rng.randrange(999)}"
        text = rng.choice(("my username is {}", "follow me on instagram @{}", "GitHub: {}"))
        return Canary(text.format(value), value)

    said = Rule(
        "user_name.said",
        _USER,
        check=check,
        gate=rf"(?i:{_ACCOUNT} {{0,2}}{_EQUALS}[ \"'`]{{0,3}}\S{{3}})",
    )
    own = Rule("user_name.own", _OWN, check=check, gate=r"[ :]@\S{3}")
    return Entity("USER_NAME", (said, own), "redact", False, canary)


ENTITIES = (Listed(120, date_of_birth), Listed(140, user_name))
