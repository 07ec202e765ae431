"""A planted gold set: made-up values of every PII type, in forms and sentences of their own.

Nothing here comes from the detectors, so that a form that a rule forgot is a miss.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from pii_drawn import (
    Draw,
    address,
    base58check,
    bech32,
    birth,
    card,
    iban,
    ipv4,
    ipv6,
    jwt,
    key,
    national,
    one_of,
    password,
    phone,
    plain_user_name,
    ssn,
    user_name,
)

#: The regions in which national phone numbers are drawn: the default config's.
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU")


@dataclass(frozen=True)
class Example:
    """A text with one planted value, or with none (``entity`` is then "")."""

    entity: str
    kind: str
    text: str
    start: int = 0
    end: int = 0

    @property
    def value(self) -> str:
        return self.text[self.start : self.end]


def planted(each: int = 40, seed: int = 0) -> Iterator[Example]:
    """``each`` examples of every kind of every type."""
    for entity, kind, draw in KINDS:
        rng = random.Random(f"{seed}:{entity}:{kind}")
        for _ in range(each):
            value, carriers = draw(rng)
            before, _, after = rng.choice(carriers).partition("{}")
            text = f"{before}{value}{after}"
            yield Example(entity, kind, text, len(before), len(before) + len(value))


ID = ("my id is {}", "national id: {}", "tax id {}", "ID number {}")
KINDS: tuple[tuple[str, str, Draw], ...] = (
    (
        "EMAIL",
        "plain",
        one_of(
            (
                "jo.miller##@example.com",
                "A_K+tag@mail.example.org",
                "o'brien#@example.co.uk",
                "x-#@sub.example.museum",
                "JO@EXAMPLE.COM",
                "jörg#@example.de",
            )
        ),
    ),
    (
        "EMAIL",
        "spelled out",
        one_of(("jo# (at) example (dot) com", "jo#[at]example.com", "jo {at} example {dot} org")),
    ),
    ("CARD", "Visa 16", card(("4",), 16, (4, 4, 4, 4))),
    ("CARD", "Visa 13", card(("4",), 13, (13,))),
    ("CARD", "Mastercard", card(("51", "55", "2221", "2720"), 16, (4, 4, 4, 4))),
    ("CARD", "Amex", card(("34", "37"), 15, (4, 6, 5))),
    ("CARD", "Diners", card(("36", "38"), 14, (4, 6, 4))),
    ("CARD", "Discover, JCB", card(("6011", "65", "3530"), 16, (4, 4, 4, 4))),
    ("CARD", "UnionPay 19", card(("62",), 19, (4, 4, 4, 4, 3))),
    ("CARD", "Maestro 12", card(("50", "67"), 12, (12,))),
    *(
        ("IBAN", form[:2], iban(form[:2], form[2:]))
        for form in (
            "AT" + "#" * 16,
            "BE" + "#" * 12,
            "CH#####************",
            "DE" + "#" * 18,
            "ES" + "#" * 20,
            "FR##########***********##",
            "GB^^^^" + "#" * 14,
            "IE^^^^" + "#" * 14,
            "IT^##########************",
            "LU###*************",
            "MT^^^^#####" + "*" * 18,
            "NL^^^^" + "#" * 10,
            "PL" + "#" * 24,
            "PT" + "#" * 21,
            "SA##" + "*" * 18,
            "SE" + "#" * 20,
        )
    ),
    ("SSN", "US", ssn),
    ("NATIONAL_ID", "es_dni", national("es.dni", "########^")),
    ("NATIONAL_ID", "es_nie", national("es.nie", "Y#######^")),
    ("NATIONAL_ID", "it", national("it.codicefiscale", "RSSMRA8#A1#H50#^")),
    ("NATIONAL_ID", "fr", national("fr.nir", "2 7# 06 75 ### ### ##")),
    ("NATIONAL_ID", "fi", national("fi.hetu", "1#016#-###^")),
    ("NATIONAL_ID", "ch", national("ch.ssn", "756.####.####.##")),
    ("NATIONAL_ID", "br", national("br.cpf", "###.###.###-##")),
    ("NATIONAL_ID", "in aadhaar", national("in_.aadhaar", "6### #### ####")),
    ("NATIONAL_ID", "in pan", national("in_.pan", "BNZPM####^", ID)),
    ("NATIONAL_ID", "cn", national("cn.ric", "11010519900101####")),
    ("NATIONAL_ID", "kr", national("kr.rrn", "9#061#-2######")),
    ("NATIONAL_ID", "za", national("za.idnr", "9#061#####08#", ID)),
    ("NATIONAL_ID", "pl", national("pl.pesel", "9#061######", ID)),
    ("NATIONAL_ID", "de", national("de.idnr", "## ### ### ###", ID)),
    ("NATIONAL_ID", "nl", national("nl.bsn", "#########", ("BSN {}", "my bsn: {}", *ID))),
    ("NATIONAL_ID", "se", national("se.personnummer", "9#061#-####", ("personnummer {}", *ID))),
    ("NATIONAL_ID", "be", national("be.nn", "9#.06.1#-###.##")),
    (
        "NATIONAL_ID",
        "gb nhs",
        national("gb.nhs", "### ### ####", ("NHS number {}", "my NHS no: {}")),
    ),
    (
        "NATIONAL_ID",
        "gb nino",
        one_of(("AB ## ## ## C", "JK######A", "PR## ####D".replace("## ####", "## ## ##"))),
    ),
    ("NATIONAL_ID", "ca", national("ca.sin", "### ### ###", ("my SIN is {}", "SIN: {}"))),
    ("NATIONAL_ID", "au", national("au.tfn", "### ### ###", ("TFN {}", "tax file number: {}"))),
    (
        "NATIONAL_ID",
        "document",
        one_of(
            ("^#######", "#########", "C^^####^#"),
            (
                "my driver's license number is {}",
                "Passport: {}",
                "passport number {}".replace("r {", "r: {"),
            ),
        ),
    ),
    ("IP", "v4", ipv4),
    ("IP", "v6", ipv6),
    (
        "MAC",
        "all",
        one_of((":".join(["~~"] * 6), "-".join(["~~"] * 6), "3C:5A:B4:~~:~~:~~", "00a1.~~~~.b~~~")),
    ),
    (
        "URL",
        "token",
        one_of(
            (
                "https://example.com/reset?token=" + "*" * 24,
                "https://api.example.com/v1?api_key=" + "~" * 32 + "&x=1",
                "https://x.blob.core.windows.net/a?sv=2021&sig=" + "*" * 40,
                "ftp://bob:s3cret**@ftp.example.com/x",
                "postgres://app:" + "*" * 16 + "@db:5432/main",
                "https://b.s3.amazonaws.com/k?X-Amz-Signature=" + "~" * 64,
            )
        ),
    ),
    ("SECRET", "aws", key("AKIA" + "^" * 16)),
    ("SECRET", "github", key("ghp_" + "*" * 36, "github_pat_" + "*" * 60)),
    ("SECRET", "gitlab", key("glpat-" + "*" * 20)),
    ("SECRET", "slack", key("xoxb-#########-" + "*" * 24)),
    ("SECRET", "google", key("AIza" + "*" * 35)),
    ("SECRET", "openai", key("sk-" + "*" * 48, "sk-proj-" + "*" * 60)),
    ("SECRET", "stripe", key("sk_live_" + "*" * 24, "rk_test_" + "*" * 24)),
    ("SECRET", "hf", key("hf_" + "*" * 34)),
    ("SECRET", "npm", key("npm_" + "*" * 36)),
    ("SECRET", "sendgrid", key("SG." + "*" * 22 + "." + "*" * 43)),
    ("SECRET", "jwt", jwt),
    ("SECRET", "assigned", password),
    (
        "SECRET",
        "private key",
        one_of(
            (
                "-----BEGIN PRIVATE KEY-----\n" + "*" * 64 + "\n-----END PRIVATE KEY-----",
                "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                + "*" * 70
                + "\n-----END OPENSSH PRIVATE KEY-----",
            )
        ),
    ),
    ("CRYPTO", "bitcoin", base58check),
    ("CRYPTO", "bech32", bech32),
    ("CRYPTO", "ethereum", one_of(("0x" + "~" * 40,))),
    *(
        ("PHONE", f"{region} {style}", phone(region, style))
        for region in REGIONS
        for style in ("international", "e164", "national", "digits", "dialled")
    ),
    ("DATE_OF_BIRTH", "all", birth),
    ("ADDRESS", "all", address),
    ("USER_NAME", "with a number", user_name),
    ("USER_NAME", "a word", plain_user_name),
)
