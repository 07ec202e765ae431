"""Postal addresses: a street and a house number, where words or a postal code make it personal."""

import random
import re

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import Canary, Entity, Listed, Rule, Span, before

_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Place|Pl|Terrace"
    r"|Square|Sq|Highway|Hwy|Parkway|Pkwy|Circle|Cir|Close|Crescent|Trail"
    r"|Grove|Gardens|Mews|Parade|Esplanade)"
)
_UNIT = r"(?:Apt|Apartment|Suite|Unit|Ste|#)\.? ?\w{1,6}"
_TOWN = r"(?!(?:NSW|VIC|QLD|TAS|ACT)\b)(?:St\. )?[A-Z](?:[^\W\d_]|['’-]){1,20}"
_ZIP = r"(?:\d{5}(?:-\d{4})?|(?<=[A-Z] )\d{4}|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})"
_ADDRESS = re.compile(
    r"(?<![\w.,$-])(?:(?:Flat|Unit|Apartment|Apt\.?) \w{1,5},? |\d{1,4}/)?(?:\d{1,4} )?"
    r"\d{1,5}[A-Za-z]?(?: [NSEW]\.?)?"
    r"(?: (?:[A-Z][\w'-]{1,20}|\d{1,3}(?:st|nd|rd|th)))"
    rf"{{1,4}}? {_STREET}\b\.?(?:,?\s(?:{_UNIT}))?"
    rf"(?:,?\s{_TOWN}(?: {_TOWN}){{0,2}}){{0,2}}(?:,? (?:[A-Z]{{2}}|NSW|VIC|QLD|TAS|ACT))?"
    rf"(?P<zip>,?\s{_ZIP})?(?!\w)"
)
_ADDRESS_WORDS = re.compile(
    r"address|(?<!who )\bliv(?:e|es|ing)\b|resid|\bship|deliver|\bmail\b|\bhome\b"
    r"|mov(?:e|ed|ing) to|\bsen[dt]\b.{0,20}\bto\b|\bmeet\b|\bpick (?:me|us) up"
)
#: A capitalised word, a number or a particle of a street's name. Never ambiguous: separators part
#: them.
_TOKEN = (
    r"(?:(?:[A-Z]\.){1,4}|(?![a-z])[^\W\d_](?:[\w'/-]{0,2}\.(?=\W)|[\w'/-]{0,30}(?!\w))"
    r"|\d{1,6}[A-Za-z]{0,2}(?!\w)"
    r"|(?:de|des|du|del|della|di|da|do|dos|das|la|le|van|der|den|af|of|al|nan|u\.)(?!\w))"
)
#: What an address in any language's form follows, as far as its words and numbers go.
_INTRO = (
    r"(?:address(?:es)?(?: (?:is|to|was|with|are|to the same))(?: now)?|address(?:es)?(?=:)"
    r"|(?<!who )liv(?:e|es|ed|ing) (?:at|in|on)|resid(?:e|es|ing) (?:at|in)"
    r"|(?:ship|send|sent|deliver|taxi)(?:ed)?(?: (?:it|this|them|one))? to"
    r"|meet (?:me|you|us) at)"
)
#: An address goes on in the next line if a postal code is near.
_GAP = r"(?:[ ,]{1,6}|,?\n[ ,>]{0,6}(?=[^:.!?\d]{0,60}(?:Apt|Suite|Unit|\d{5})))"
_SAID = re.compile(
    rf"(?<![A-Za-z])(?i:{_INTRO})[:,]?[ \n]{{1,6}}"
    rf"(?P<value>{_TOKEN}(?:{_GAP}{_TOKEN}){{1,15}})"
)
_SAID_GATE = rf"(?i:{_INTRO.replace('(?=:)', ':').replace('(?<!who )', '')})[:,]?[ \n][^0-9]*[0-9]"
_HOUSE_NUMBER = re.compile(r"(?<!\w)\d{1,5}[A-Za-z]?(?!\w)")
_YEAR = re.compile(r"(?:1[6-9]|20)\d\d$")
#: What numbers there are for in "living in Rome, 27 July" and "meet me at 5 PM".
_TIME = re.compile(
    r"\d{1,2}(?: ?[AaPp]\.?[Mm]\b| o'clock)|(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov"
    r"|Dec)(?:[a-z]{3,6})?(?!\w)"
)
#: A street and house number, a flat on its own line, and what is under it.
_BLOCK = re.compile(
    r"(?<![\w.])\d{1,5}[A-Za-z]? [^\n]{2,60}\n[>? ]{0,5}(?:Apt\.?|Suite|Unit|Flat) \d{1,5}(?!\w)"
    r"(?:\n{1,2}[>? ,]{0,5}[^\n]{2,40}){0,3}?(?:\n{1,2}[>? ,]{0,5}[^\n\d]{0,40}\d{4,6}(?!\w))?"
)
_MILITARY = re.compile(
    r"(?<!\w)(?:(?:PSC|Unit|CMR) \d{1,5},? Box \d{1,5}|US(?:S|NS|NV|CGC) [\w'-]{2,30})"
    r",?\s{1,3}[AFD]PO,? A[AEP] \d{5}(?!\w)"
)
_PO_BOX = re.compile(
    r"(?<!\w)P\.? ?O\.? ?[Bb]ox \d{1,6}(?!\w)(?:,? [A-Z][\w'-]{1,20}(?: [A-Z][\w'-]{1,20}){0,2})?"
    r"(?:,? [A-Z]{2})?(?:,? \d{5}(?:-\d{4})?(?!\w))?"
)
#: Street and number, or number and street, before a postal code of five digits and its town.
_CONTINENTAL = re.compile(
    r"(?<!\w)(?:[^\W\d_][\w.-]{2,30}(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse|ring|damm|ufer)"
    r" \d{1,4} ?[a-z]?|(?:am|im|an der|auf der|zum|zur)(?: [^\W\d_]{2,20}){1,2} \d{1,4} ?[a-z]?"
    r"|(?:calle|c/|avenida|avda\.?|plaza|paseo|via|viale|piazza|corso)"
    r"(?: [^\W\d_][\w'’.-]{0,20}){1,5}"
    r",? (?:n[º°.] ?)?\d{1,4}[a-z]?(?:, [^,\n]{1,12})?"
    r"|\d{1,4}(?: ?bis| ?ter)?,? (?:rue|avenue|boulevard|place|chemin|impasse|allée|quai|cours)"
    r"(?: [\w'’-]{1,20}){1,5}),?\s\d{5} [^\W\d_][\w'-]{1,30}"
    r"|(?<!\w)[^\W\d_][\w.-]{2,30}(?:straat|laan|weg|plein|gracht|kade|dijk) \d{1,4}"
    r" ?(?:[a-z]|hs|bis)?,?\s\d{4} ?[a-z]{2} [^\W\d_][\w'-]{1,30}",
    re.IGNORECASE,
)
_POSTCODE = re.compile(
    r"(?<![a-z])(?:zip|zip ?code|post(?:al)? ?code)(?: is|:) {0,2}"
    r"(?P<value>\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})(?!\w)",
    re.IGNORECASE,
)


def address(config: PiiConfig) -> Entity:
    """Postal addresses: with a street and a postal code, or said to be one."""

    def street(match: re.Match[str]) -> Span | None:
        if match["zip"] or _ADDRESS_WORDS.search(before(match, 60)):
            return match.span()
        return None

    def said(match: re.Match[str]) -> Span | None:
        value = match["value"].rstrip(" ,\n.")
        numbers = _HOUSE_NUMBER.findall(value)
        if not numbers or _TIME.search(value) or all(map(_YEAR.match, numbers)):
            return None
        # "in 3 Weeks" has one word; a street and its town, or a street's name, have more.
        if len(value) < 10 or not any(character.isalpha() for character in value):
            return None
        return match.start("value"), match.start("value") + len(value)

    def canary(rng: random.Random) -> Canary:
        street = rng.choice(("Maple Street", "Old Mill Road", "Lincoln Ave"))
        value = f"{rng.randrange(1, 9999)} {street}, Springfield, IL {rng.randrange(10000, 99999)}"
        return Canary(f"I live at {value}", value)

    rules = (
        Rule(
            "address.street",
            _ADDRESS,
            check=street,
            gate=rf"\d[A-Za-z]? [A-Z\d][^\n]* {_STREET}\b",
        ),
        Rule(
            "address.said",
            _SAID,
            check=said,
            gate=_SAID_GATE,
        ),
        Rule(
            "address.block",
            _BLOCK,
            gate=r"\n[>? ]{0,5}(?:Apt\.?|Suite|Unit|Flat) \d",
        ),
        Rule("address.po_box", _PO_BOX, gate=r"P\.? ?O\.? ?[Bb]ox \d"),
        Rule(
            "address.continental",
            _CONTINENTAL,
            gate=r"[0-9A-Za-z.],?\s\d{4}(?:\d| ?[A-Z]{2}) [^\s\d]",
        ),
        Rule(
            "address.military",
            _MILITARY,
            gate="[AFD]PO,? A[AEP] ",
        ),
        Rule(
            "address.postcode",
            _POSTCODE,
            gate=r"(?i:zip|zip ?code|post(?:al)? ?code)(?: is|:) {0,2}[A-Za-z0-9]",
        ),
    )
    return Entity("ADDRESS", rules, "redact", False, canary)


ENTITIES = (Listed(130, address),)
