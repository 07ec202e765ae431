"""Social security numbers and other national ids, with the checksums of python-stdnum.

A national id is a line in ``_NATIONAL``: its expression, the stdnum module that checks it, whether
its shape alone is common enough to need a word nearby, and how a canary is drawn.
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
    before,
    drawn_until,
    letters,
)

_SSN = re.compile(r"(?<![\w-])\d{3}(?P<gap>[- ])\d{2}(?P=gap)\d{4}(?![\w-])")
_SSN_PLAIN = re.compile(r"(?<![\w.,+-])\d{9}(?!\w|[.,]\d)")
_SSN_WORDS = re.compile(r"\bssn\b|social security|\bsocial\b")
_ID_WORDS = re.compile(
    r"\bid\b|\bssn\b|\bnhs\b|\bnino\b|\bsin\b|\btfn\b|\bbsn\b|pesel|aadhaar|passport|national"
    r"|identity|identification|personal (?:number|code)|tax|insurance|\bnif\b|\bdni\b|\bcpf\b"
    r"|citizen|security|steuer|rrn|personnummer"
)

#: Name, expression, stdnum module, needs a word nearby, canary shape (# digit, A letter).
_NATIONAL: tuple[tuple[str, str, str, bool, str], ...] = (
    ("es_dni", r"\d{8}-?[A-HJ-NP-TV-Z]", "es.dni", False, "########A"),
    ("es_nie", r"[XYZ]-?\d{7}-?[A-Z]", "es.nie", False, "X#######A"),
    ("it_codice_fiscale", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", "it.codicefiscale",
     False, "AAAAAA8#A1#A###A"),
    ("fr_nir", r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}", "fr.nir", False, ""),
    ("fi_hetu", r"\d{6}[-+A]\d{3}[0-9A-Y]", "fi.hetu", False, ""),
    ("ch_ahv", r"756\.\d{4}\.\d{4}\.\d{2}", "ch.ssn", False, "756.####.####.##"),
    ("br_cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br.cpf", False, "###.###.###-##"),
    ("in_aadhaar", r"(?!20)[2-9]\d{3} \d{4} \d{4}", "in_.aadhaar", False, "5### #### ####"),
    ("in_pan", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", "in_.pan", True, ""),
    ("mx_curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", "mx.curp", False, ""),
    ("cn_ric", r"[1-9]\d{16}[0-9X]", "cn.ric", False, ""),
    ("kr_rrn", r"\d{6}-[1-8]\d{6}", "kr.rrn", False, ""),
    ("za_idnr", r"\d{13}", "za.idnr", True, ""),
    ("pl_pesel", r"\d{11}", "pl.pesel", True, ""),
    ("de_idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", "de.idnr", True, ""),
    ("nl_bsn", r"\d{9}", "nl.bsn", True, ""),
    ("se_personnummer", r"(?:19|20)?\d{6}[-+]\d{4}", "se.personnummer", True, ""),
    ("dk_cpr", r"\d{6}-\d{4}", "dk.cpr", True, ""),
    ("be_nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", "be.nn", False, ""),
    ("gb_nhs", r"\d{3}[ -]\d{3}[ -]\d{4}", "gb.nhs", True, ""),
    ("ca_sin", r"\d{3}[ -]\d{3}[ -]\d{3}", "ca.sin", True, ""),
    ("au_tfn", r"\d{3} \d{3} \d{3}", "au.tfn", True, ""),
)  # fmt: skip
_NINO = re.compile(
    r"(?<![\w-])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2}"
    r" ?[A-D](?![\w-])"
)
#: What ids that mix letters in have instead of seven digits.
_MIXED = re.compile(
    r"\d\d(?:[A-Z]\d\d[A-Z]\d{3}[A-Z]|\d{4}[HM][A-Z]{5}|\d\d[A-Z]\b|\d{5}|\d{4}[-+A]\d{3}"
    r"| ?\d\d ?\d\d ?[A-D]\b)"
)


def ssn(config: PiiConfig) -> Entity:
    """Social security numbers of the United States."""

    def check(match: re.Match[str]) -> Span | None:
        from stdnum.us import ssn as standard

        context = _SSN_WORDS.search(before(match, 40)) is not None
        number = re.sub(r"\D", "", match.group())
        if "gap" not in match.re.groupindex or match["gap"] == " ":
            return match.span() if context and standard.is_valid(number) else None
        # With dashes the shape says enough; with the words, even a number that was never issued.
        return match.span() if context or standard.is_valid(number) else None

    def canary(rng: random.Random) -> Canary:
        from stdnum.us import ssn as standard

        value = drawn_until(lambda: _filled("###-##-####", rng), standard.is_valid)
        return Canary(value, value)

    rules = (
        Rule("ssn.dashes", _SSN, shape=DIGITS, check=check),
        Rule("ssn.plain", _SSN_PLAIN, needles=("ssn", "social"), check=check, at_needle=True),
    )
    return Entity("SSN", rules, "drop", True, canary)


def national_id(config: PiiConfig) -> Entity:
    """Ids of citizens, tax payers and patients of other countries."""

    def canary(rng: random.Random) -> Canary:
        module, shape = rng.choice([(row[2], row[4]) for row in _NATIONAL if row[4]])
        standard = importlib.import_module(f"stdnum.{module}")
        value = drawn_until(lambda: _filled(shape, rng), standard.is_valid)
        return Canary(value, value)

    rules = tuple(
        Rule(
            f"national_id.{name}",
            re.compile(rf"(?<![\w.,+-]){pattern}(?![\w-]|[.,]\d)"),
            shape=_MIXED if re.search("[A-Z]", pattern) else DIGITS,
            check=_checked(module, needs_word),
        )
        for name, pattern, module, needs_word, _ in _NATIONAL
    )
    nino = Rule("national_id.gb_nino", _NINO, shape=_MIXED)
    return Entity("NATIONAL_ID", (*rules, nino), "drop", True, canary)


def _checked(module: str, needs_word: bool) -> Check:
    def check(match: re.Match[str]) -> Span | None:
        if needs_word and not _ID_WORDS.search(before(match, 40)):
            return None
        standard = importlib.import_module(f"stdnum.{module}")
        return match.span() if standard.is_valid(match.group()) else None

    return check


def _filled(shape: str, rng: random.Random) -> str:
    """A shape with its # and A replaced by random digits and letters."""
    fill = {"#": "0123456789", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    return "".join(letters(rng, 1, fill[c]) if c in fill else c for c in shape)


ENTITIES = (Listed(60, ssn), Listed(70, national_id))
