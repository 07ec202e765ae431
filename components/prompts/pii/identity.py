"""Social security numbers and other national ids, with the checksums of python-stdnum.

A national id is a line in ``_NATIONAL`` or ``_BARE``: its expression, the stdnum module that checks
it, whether its shape alone is common enough to need a word nearby, and how a canary is drawn.
"""

import importlib
import random
import re

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import (
    DIGITS,
    Canary,
    Check,
    Entity,
    Listed,
    Rule,
    Span,
    after,
    before,
    called_otherwise,
    drawn_until,
    letters,
)

_SSN = re.compile(r"(?<![\w-])\d{3}(?P<gap> - |[- .])\d{2}(?P=gap)\d{4}(?![\w-])")
_SSN_PLAIN = re.compile(r"(?<![\w.+-])\d{9}(?!\w|\.\d)")
_SSN_WORDS = re.compile(r"(?<![a-z])ssn(?:\b|_?num)|social[ _-]?security|\bsocial\b")
#: "329762702 is my SSN".
_IS = re.compile(r"[\"']?,? (?:is|was) [^.!?\n]{1,32}")
_ID_WORDS = re.compile(
    r"\bid\b|(?<![a-z])(?:ssn|nhs|nino|sin|tfn|bsn|nif|dni|cpf|cpr|pan|idnr|nie|curp|hetu|avs|nir)"
    r"(?![a-z])|(?<![a-z])ahv|pesel|aadhaa?r|passport|national|identity|identification"
    r"|personal (?:number|code)|tax|insurance|citizen|security|steuer|rrn|personnummer"
    r"|codice fiscale|rijksregister|s[ée]cu(?:rit[ée] sociale)?(?![a-z])"
)

#: Name, expression, stdnum module, the word of a canary (none: the shape alone says enough, else
#: words have to be nearby), and how the canary is drawn (# digit, A letter).
_NATIONAL: tuple[tuple[str, str, str, str, str], ...] = (
    ("es_dni", r"\d{8}-?[A-HJ-NP-TV-Z]", "es.dni", "", "########A"),
    ("es_dni_dotted", r"\d{2}\.\d{3}\.\d{3}-?[A-HJ-NP-TV-Z]", "es.dni", "", "##.###.###-A"),
    ("es_nie", r"[XYZ]-?\d{7}-?[A-Z]", "es.nie", "", "X#######A"),
    ("it_codice_fiscale", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", "it.codicefiscale",
     "", "AAAAAA8#A1#A###A"),
    ("fr_nir", r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}", "fr.nir", "",
     "1 8# 05 75 ### ### ##"),
    ("fi_hetu", r"\d{6}[-+A]\d{3}[0-9A-Y]", "fi.hetu", "", "1#057#-###A"),
    ("ch_ahv", r"756\.\d{4}\.\d{4}\.\d{2}", "ch.ssn", "", "756.####.####.##"),
    ("br_cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br.cpf", "", "###.###.###-##"),
    ("in_aadhaar", r"(?<!\d[ -])(?!20)[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![ -]\d)", "in_.aadhaar", "",
     "5### #### ####"),
    ("in_pan", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", "in_.pan", "PAN: ", "AAAPA5###A"),
    ("mx_curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", "mx.curp", "",
     "BOXW310820HNERXN0#"),
    ("cn_ric", r"[1-9]\d{16}[0-9X]", "cn.ric", "", "11010519801231####"),
    ("kr_rrn", r"\d{6}-[1-8]\d{6}", "kr.rrn", "", "8#051#-1######"),
    ("za_idnr", r"\d{13}", "za.idnr", "national id ", "8#051#####08#"),
    ("pl_pesel", r"\d{11}", "pl.pesel", "PESEL ", "8#051######"),
    ("de_idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", "de.idnr", "tax id ", "## ### ### ###"),
    ("nl_bsn", r"\d{9}", "nl.bsn", "BSN ", "#########"),
    ("se_personnummer", r"(?:19|20)?\d{6}[-+]\d{4}", "se.personnummer", "personnummer ",
     "8#051#-####"),
    ("dk_cpr", r"\d{6}-\d{4}", "dk.cpr", "CPR ", "1#058#-####"),
    ("be_nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", "be.nn", "", "8#.05.1#-###.##"),
    ("gb_nhs", r"\d{3}[ -]\d{3}[ -]\d{4}", "gb.nhs", "NHS number ", "### ### ####"),
    ("ca_sin", r"\d{3}[ -]\d{3}[ -]\d{3}", "ca.sin", "SIN ", "###-###-###"),
    ("au_tfn", r"\d{3} \d{3} \d{3}", "au.tfn", "TFN ", "### ### ###"),
)  # fmt: skip
#: The same without separators: a word of its own has to be nearby. Name, expression, stdnum module,
#: the words (the first is a canary's), and how the canary is drawn.
_BARE: tuple[tuple[str, str, str, str, str], ...] = (
    ("br_cpf_bare", r"\d{11}", "br.cpf", "CPF", "###########"),
    ("in_aadhaar_bare", r"[2-9]\d{11}", "in_.aadhaar", "Aadhaar|aadhar", "5###########"),
    ("ch_ahv_bare", r"756\d{10}", "ch.ssn", "AHV", "756##########"),
    ("kr_rrn_bare", r"\d{6}[1-8]\d{6}", "kr.rrn", "RRN|주민등록번호", "8#051#1######"),
    ("se_personnummer_bare", r"(?:19|20)?\d{10}", "se.personnummer", "personnummer", "8#051#####"),
    ("dk_cpr_bare", r"\d{10}", "dk.cpr", "CPR", "1#058#####"),
    ("be_nn_bare", r"\d{11}", "be.nn", "rijksregister", "8#051######"),
    ("gb_nhs_bare", r"\d{10}", "gb.nhs", "NHS", "##########"),
    ("ca_sin_bare", r"\d{9}", "ca.sin", "SIN", "#########"),
    ("au_tfn_bare", r"\d{9}", "au.tfn", "TFN", "#########"),
)
_NINO = re.compile(
    r"(?<![\w-])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2}"
    r" ?[A-D](?![\w-])",
    re.IGNORECASE,
)
#: Numbers of documents that have no checksum, where they are said to be one.
_DOCUMENT_WORDS = (
    r"(?:driver'?s?'?|driving)[ _-]licen[cs]e|passport|identity card|id card|national id"
)
_DOCUMENT = re.compile(
    rf"(?<![a-z])(?:{_DOCUMENT_WORDS})(?:[ _](?:number|no\.?|nr\.?))?[\"']?(?P<link> is|:| =|=| #)?"
    r"[\"' #]{0,4}(?P<value>[A-Z]{0,5}\d[A-Z0-9-]{4,17})(?![\w-])",
    re.IGNORECASE,
)
#: With nothing between word and number, a number that is none of a date or a year.
_NUMBER = re.compile(r"[A-Z]{0,2}\d{7,9}", re.IGNORECASE)
_DOCUMENT_GATE = rf"(?i:{_DOCUMENT_WORDS})[^0-9]*[0-9]"
#: What ids that mix letters in have instead of seven digits.
_MIXED = (
    r"(?i:\d\d(?:[A-Z]\d\d[A-Z]\d{3}[A-Z]|\d{4}[HM][A-Z]{5}|\d\d[A-Z]\b|\d{5}|\d{4}[-+A]\d{3}"
    r"| ?\d\d ?\d\d ?[A-D]\b|\.\d{3}\.\d{3}-?[A-Z]))"
)


def ssn(config: PiiConfig) -> Entity:
    """Social security numbers of the United States."""

    def check(match: re.Match[str]) -> Span | None:
        from stdnum.us import ssn as standard

        context = _said(match, _SSN_WORDS)
        number = re.sub(r"\D", "", match.group())
        if "gap" not in match.re.groupindex or match["gap"] != "-":
            return match.span() if context and standard.is_valid(number) else None
        # With dashes the shape says enough; with the words, even a number that was never issued.
        return match.span() if context or standard.is_valid(number) else None

    def canary(rng: random.Random) -> Canary:
        from stdnum.us import ssn as standard

        value = drawn_until(lambda: _filled("###-##-####", rng), standard.is_valid)
        return Canary(value, value)

    rules = (
        Rule("ssn.dashes", _SSN, gate=DIGITS, check=check),
        Rule("ssn.plain", _SSN_PLAIN, gate=DIGITS, check=check),
    )
    return Entity("SSN", rules, "drop", True, canary)


def national_id(config: PiiConfig) -> Entity:
    """Ids of citizens, tax payers and patients of other countries."""

    def canary(rng: random.Random) -> Canary:
        _, _, module, words, form = rng.choice(_NATIONAL + _BARE)
        value = drawn_until(lambda: _filled(form, rng), lambda text: _is_valid(module, text))
        word = words.partition("|")[0].strip()
        return Canary(f"{word} {value}" if word else value, value)

    rules = [
        _rule(name, pattern, _checked(module, _ID_WORDS if word else None))
        for name, pattern, module, word, _ in _NATIONAL
    ]
    rules += [
        _rule(name, pattern, _checked(module, re.compile(rf"(?<![a-z])(?:{words.lower()})")))
        for name, pattern, module, words, _ in _BARE
    ]
    rules += [
        Rule("national_id.gb_nino", _NINO, gate=_MIXED, check=_upper_or_said),
        Rule("national_id.document", _DOCUMENT, gate=_DOCUMENT_GATE, check=_numbered),
    ]
    return Entity("NATIONAL_ID", tuple(rules), "drop", True, canary)


def _rule(name: str, pattern: str, check: Check) -> Rule:
    """A comma beside such a number parts fields, not thousands."""
    return Rule(
        f"national_id.{name}",
        re.compile(rf"(?<![\w.+-]){pattern}(?![\w-]|\.\d)", re.IGNORECASE),
        gate=_MIXED if re.search("[A-Z]", pattern) else DIGITS,
        check=check,
    )


def _said(match: re.Match[str], words: re.Pattern[str]) -> bool:
    """Whether words stand before a number, or behind it as in "... is my SSN"."""
    if words.search(before(match, 40)):
        return True
    behind = _IS.match(after(match, 40))
    return behind is not None and words.search(behind.group()) is not None


def _small(match: re.Match[str]) -> bool:
    """Whether an id has small letters: then it is one only where words say so."""
    return match.group() != match.group().upper()


def _upper_or_said(match: re.Match[str]) -> Span | None:
    return match.span() if not _small(match) or _said(match, _ID_WORDS) else None


def _numbered(match: re.Match[str]) -> Span | None:
    value = match["value"]
    least = 4 if match["link"] else 5
    enough = sum(map(str.isdigit, value)) >= least
    return match.span("value") if enough and (match["link"] or _NUMBER.fullmatch(value)) else None


def _checked(module: str, words: re.Pattern[str] | None) -> Check:
    def check(match: re.Match[str]) -> Span | None:
        doubtful = words is not None or _small(match) or called_otherwise(match)
        if doubtful and not _said(match, words or _ID_WORDS):
            return None
        return match.span() if _is_valid(module, match.group()) else None

    return check


def _is_valid(module: str, text: str) -> bool:
    """Whether python-stdnum's module takes it; Spain's do not know the dots that people write."""
    standard = importlib.import_module(f"stdnum.{module}")
    return bool(standard.is_valid(text) or standard.is_valid(text.replace(".", "")))


def _filled(shape: str, rng: random.Random) -> str:
    """A shape with its # and A replaced by random digits and letters."""
    fill = {"#": "0123456789", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    return "".join(letters(rng, 1, fill[c]) if c in fill else c for c in shape)


ENTITIES = (Listed(60, ssn), Listed(70, national_id))
