"""Hard negatives: texts that look like PII and hold none."""

import hashlib
import random
import uuid
from collections.abc import Iterator

from pii_drawn import DIGITS, HEX, UPPER, WORD
from pii_gold import Example

#: Kind and forms; ``#`` is a digit, ``^`` a capital, ``*`` a letter or digit, ``~`` a hex digit.
FORMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "order number",
        (
            "order 11#-#######-#######",
            "Order #40########",
            "order no. ################",
            "Your order 20##-#######-###### has shipped",
            "order id: ############",
        ),
    ),
    ("invoice", ("invoice INV-20##-00####", "Invoice number ##########", "PO ########")),
    (
        "tracking",
        (
            "tracking number 1Z999AA1########84",
            "Tracking: 9400 1### #### #### #### ##",
            "tracking number ############",
            "parcel JD##################",
        ),
    ),
    (
        "serial",
        (
            "serial number C02X#####JG5",
            "S/N: ####-####-####",
            "part number ###-####-##",
            "item ##########",
            "model XR-####-##",
            "SKU ########",
        ),
    ),
    (
        "version",
        (
            "version 1#.#.#.#",
            "v#.##.#.####",
            "Chrome/1##.0.####.##",
            "numpy==1.2#.#",
            "build 10.0.190##.1",
            "release 20##.1#.0#",
            "Python 3.1#.#",
            "iOS 1#.#.#",
        ),
    ),
    ("ip net", ("10.#.0.0/16 is the network", "255.255.255.0", "127.0.0.1:8000", "0.0.0.0")),
    (
        "timestamp",
        (
            "20##-0#-1#T0#:1#:2#.###Z",
            "20##-0#-1# 1#:0#:5#",
            "17######## is a Unix time",
            "ts=17###########",
            "1#:0#:1#",
            "at 0#:3# am on 0#/1#/20##",
            "17############### ns",
        ),
    ),
    ("period", ("from 19##-19##", "in 18## and 19##", "the 19##/20## season", "pages 1###-1###")),
    (
        "number",
        (
            "the answer is ###,###,###",
            "1 ### ### ###",
            "1.#########",
            "pi is 3.14159265358979",
            "${##}.#".replace("{##}", "#,###,###"),
            "####### x ########",
            "population: ########",
            "costs 2 ### ### euros",
            "### ### people",
            "-#.######, 1##.######",
            "##############",
        ),
    ),
    ("isbn", ("ISBN 0-306-4061#-#", "ISBN 97802########")),
    (
        "paper",
        (
            "doi:10.1###/j.####.20##.##.###",
            "arXiv:2#0#.#####",
            "US patent #,###,###",
            "ISSN 1234-5###",
            "PMID: ########",
            "CVE-20##-#####",
            "RFC ####",
            "ISO 2####-1:20##",
        ),
    ),
    (
        "code",
        (
            "std::vector<int> a::b",
            "x[1::2]",
            "#~~~~~~ is the colour",
            "git@github.com:org/repo.git",
            "user@host:~$ ls",
            "@dataclass\nclass A:",
            "@media (max-width: ###px)",
            "0x~~~~~~~~",
            "import @angular/core",
            "mask 0xFFFFFFFF",
            "int x = #########;",
            "a @ b is a product",
        ),
    ),
    (
        "secret word",
        (
            "the password must have 8 characters",
            "a token is about four letters",
            "reset your password: click here",
            "the secret to success is patience",
            "token limit: 4096",
            "password = os.environ['PASSWORD']",
            "key: value",
            "the API key is stored in Vault",
            "max_tokens=####",
            "a bearer of good news",
            "secret = getpass()",
            "api_key = YOUR_API_KEY",
            "tokens: ####",
        ),
    ),
    (
        "public figure",
        (
            "Albert Einstein was born on 14 March 1879 in Ulm.",
            "Mozart, born 27 January 1756",
            "Barack Obama (born August 4, 1961) was president.",
            "Queen Victoria was born in 1819.",
            "Ada Lovelace (10 December 1815 - 27 November 1852)",
            "Marie Curie, born 1867 in Warsaw, won two Nobel prizes.",
            "Birth date: 14 april 1922; club: Ajax",
            "Who lives at 10 Downing Street?",
            "Sherlock Holmes of Baker Street",
            "the White House in Washington",
        ),
    ),
    (
        "place",
        (
            "Route 66 Street food",
            "exit 12 on Highway 5",
            "100 Main ideas for a street party",
            "Fifth Avenue is in New York",
            "I live in a house with 3 Cats",
            "meet me at 5 PM",
            "we moved to 3 New Offices",
            "the 42nd Street station",
            "Catch 22 Drive-in",
            "Apollo 11 Way",
        ),
    ),
    ("sport", ("won 21-14, 35-28, 7-10", "goals: 0 27 6 11 2 3 0 0 25 13", "6-4 3-6 7-6 (7-5)")),
    (
        "user word",
        (
            "the user is not found",
            "the username is required",
            "login: failed",
            "GitHub: a guide",
            "user name: your name",
            "Twitter: a history",
            "a login is needed",
        ),
    ),
    (
        "call word",
        (
            "call 3 functions",
            "phone model 3310",
            "call 10.5 a success",
            "my number is 7",
            "mobile sales grew by 1,234,567",
            "contact form 27",
            "cell 12345 of the sheet",
            "the phone costs 1 299 000 won",
            "call option at 150.25",
        ),
    ),
    ("sku like", ("AB-###-####", "^^^-####", "^^##^^^", "^#^#^#", "##-^^-##", "###.###.###")),
    ("dna", ("GATTACAGATTACAGATTACAGATTACAGATT", "ACGTACGTACGTACGTACGTACGTACGT")),
)
AROUND = ("{}", "Note: {}.", "What does {} mean?", "a\n{}\nb", "({})", "Explain {} please")


def negatives(each: int = 30, seed: int = 1) -> Iterator[Example]:
    """``each`` texts of every kind without a value."""
    for kind, forms in FORMS:
        rng = random.Random(f"{seed}:{kind}")
        for number in range(each):
            yield Example(
                "", kind, rng.choice(AROUND).format(_filled(forms[number % len(forms)], rng))
            )
    rng = random.Random(seed)
    for number in range(each):
        text = str(number).encode()
        for kind, value in (
            ("hash", rng.choice((hashlib.md5, hashlib.sha1, hashlib.sha256))(text).hexdigest()),
            ("uuid", str(uuid.UUID(bytes=rng.randbytes(16)))),
            ("isbn 13", _ean("978" + _filled("#########", rng), rng.choice(("", "-")))),
            ("ean", _ean("4" + _filled("###########", rng), "")),
        ):
            prefix = {"isbn 13": "ISBN ", "ean": "barcode "}.get(kind, "")
            yield Example("", kind, rng.choice(AROUND).format(prefix + value))


def _filled(form: str, rng: random.Random) -> str:
    kinds = {"#": DIGITS, "^": UPPER, "*": WORD, "~": HEX}
    return "".join(rng.choice(kinds[c]) if c in kinds else c for c in form)


def _ean(body: str, gap: str) -> str:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    number = body + str(-total % 10)
    return gap.join((number[:3], number[3:4], number[4:8], number[8:12], number[12:]))
