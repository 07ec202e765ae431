"""Secrets: keys of cloud services, tokens, private keys, passwords in context.

A prefixed key is a line in ``_PREFIXED``.
"""

import math
import random
import re
from collections import Counter

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import Canary, Entity, Listed, Rule, Span, letters

_WORD = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_UPPER, _HEX = _WORD[:36], "0123456789abcdef"
_EDGE = r"(?<![A-Za-z0-9_])"

#: Name, the prefix, what follows it, its alphabet and how many in a canary
#: (a point in the lengths is one in the key). From the services' own documentation.
_PREFIXED: tuple[tuple[str, str, str, str, str], ...] = (
    ("aws", r"A(?:K|S)IA", r"[0-9A-Z]{16}", _UPPER, "AKIA 16"),
    ("github", r"gh[pousr]_", r"[A-Za-z0-9]{30,255}", _WORD, "ghp_ 36"),
    ("github_fine", r"github_pat_", r"\w{22,255}", _WORD, "github_pat_ 60"),
    ("gitlab", r"glpat-", r"[\w-]{20,64}", _WORD, "glpat- 20"),
    ("slack", r"xox[abeprs]-", r"[A-Za-z0-9-]{10,250}", _WORD, "xoxb- 24"),
    ("slack_hook", r"hooks\.slack\.com/services/",
     r"T\w{6,12}/B\w{6,12}/\w{18,30}", _UPPER, "hooks.slack.com/services/T 8/B 8/ 24"),
    ("google", r"AIza", r"[\w-]{35}", _WORD, "AIza 35"),
    ("google_oauth", r"GOCSPX-", r"[\w-]{28}", _WORD, "GOCSPX- 28"),
    ("openai", r"sk-[A-Za-z0-9]", r"[\w-]{18,250}", _WORD, "sk-p 40"),
    ("groq", r"gsk_", r"[A-Za-z0-9]{40,64}", _WORD, "gsk_ 52"),
    ("stripe", r"[spr]k_(?:live|test)_", r"[A-Za-z0-9]{10,250}", _WORD, "sk_live_ 24"),
    ("hugging_face", r"hf_", r"[A-Za-z0-9]{30,64}", _WORD, "hf_ 34"),
    ("npm", r"npm_", r"[A-Za-z0-9]{36}", _WORD, "npm_ 36"),
    ("pypi", r"pypi-", r"[\w-]{50,250}", _WORD, "pypi- 60"),
    ("sendgrid", r"SG\.", r"[\w-]{20,24}\.[\w-]{39,50}", _WORD, "SG. 22. 43"),
    ("databricks", r"dapi", r"[0-9a-f]{32}", _HEX, "dapi 32"),
    ("digitalocean", r"do[opr]_v1_", r"[0-9a-f]{64}", _HEX, "dop_v1_ 64"),
    ("shopify", r"shp(?:at|ca|pa|ss)_", r"[0-9a-fA-F]{32}", _HEX, "shpat_ 32"),
    ("docker", r"dckr_pat_", r"[\w-]{24,40}", _WORD, "dckr_pat_ 27"),
    ("vault", r"hvs\.", r"[\w-]{24,200}", _WORD, "hvs. 28"),
    ("telegram", r"(?:bot)?\d{8,10}:AA", r"[\w-]{33}", _WORD, "7123456789:AA 33"),
    ("jwt", r"(?<!-)eyJ", r"[\w-]{8,2000}+\.eyJ[\w-]{8,4000}+\.[\w-]{0,2000}+",
     _WORD, "eyJ 20.eyJ 40. 43"),
)  # fmt: skip
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_PRIVATE_KEY_END = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"[ \t>]*[A-Za-z0-9+/=]{1,128}\s*")
_SECRET_WORD = (
    r"(?:api[_ -]?key|(?:secret[_ -]?)?(?:access|account|secret|private|encryption)[_ -]?key"
    r"(?:[_ -]?id)?|client[_ -]?secret|secret|(?:auth|access|api|refresh)[_ -]?token|bearer|basic"
    r"|kennwort|passwort|mot de passe|contrase[ñn]a|wachtwoord"
    r"|token|password|passwd|passphrase|passcode|pass|pwd|pw)"
)
_SPACE = r"[ \t\r\n]{0,3}"
#: What stands between the word and the value, as prose, code, forms, tables and XML have it.
_IS = (
    rf"[\"']?\]?(?:{_SPACE}(?:=>|:=|=|: ?str ?=|:|>|\|){_SPACE}|\t{{1,2}}| - |[\"'],{_SPACE}[\"']"
    r"| (?:is|was|to):? "
)
#: Also behind the last word of a name as programs have it: dbPassword.
_ASSIGNED = re.compile(
    rf"(?:(?<![a-z0-9])|(?-i:(?<=[a-z])(?=[A-Z]))){_SECRET_WORD}{_IS}|[ \t](?=[\w-]{{16}}))"
    r"[\"'`]?(?P<value>[^\s\"'`,;<>()\[\]{}]{8,}+)",
    re.IGNORECASE,
)
#: curl -u name:password
_COMMAND = re.compile(r"(?<!\S)(?:-u|--user)[ =][\"']?[\w.@-]{1,64}:(?P<value>[^\s\"']{6,256}+)")
#: What documentation writes where a secret goes.
_STAND_IN = re.compile(
    r"your|example|placeholder|change_?me|x{4}|dummy|passw|\.\.\.", re.IGNORECASE
)
#: RE2 knows no look-ahead, and its classes are ASCII's: this is wider than ``_ASSIGNED``.
_ASSIGNED_GATE = rf"(?i:{_SECRET_WORD}{_IS}|[ \t])[\"'`]?\S{{8}})"


def secret(config: PiiConfig) -> Entity:
    """Secrets. A prompt that holds one is dropped by default."""
    rules = [
        Rule(
            f"secret.{name}",
            re.compile(f"{_EDGE}{prefix}{rest}(?![A-Za-z0-9])", re.ASCII),
            gate=f"(?:^|[^A-Za-z0-9_]){prefix.replace('(?<!-)', '')}[A-Za-z0-9_-]{{6}}",
        )
        for name, prefix, rest, _, _ in _PREFIXED
    ]
    rules.append(Rule("secret.private_key", _PRIVATE_KEY, gate="PRIVATE KEY", check=_to_the_end))
    rules.append(Rule("secret.command", _COMMAND, gate=r"(?:-u|--user)[ =][\"']?\S{1,64}:\S{6}"))
    rules.append(
        Rule("secret.private_key_end", _PRIVATE_KEY_END, gate="PRIVATE KEY", check=_from_the_start)
    )
    rules.append(
        Rule(
            "secret.assigned",
            _ASSIGNED,
            check=_looks_random,
            gate=_ASSIGNED_GATE,
        )
    )
    return Entity("SECRET", tuple(rules), "drop", True, _canary)


def entropy(text: str) -> float:
    """Shannon entropy of a text's characters, in bits a character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


def _to_the_end(match: re.Match[str]) -> Span | None:
    """From the key's first line to its last, or to the end of the text if that is cut off."""
    end = _PRIVATE_KEY_END.search(match.string, match.end())
    return match.start(), end.end() if end else len(match.string)


def _from_the_start(match: re.Match[str]) -> Span | None:
    """A key's last line with the lines of the key before it: its first stands in another turn."""
    start = match.start()
    while start > 0:
        line = match.string.rfind("\n", max(0, start - 200), start - 1) + 1
        if not _KEY_LINE.fullmatch(match.string, line, start):
            break
        start = line
    return (start, match.end()) if start < match.start() else None


def _looks_random(match: re.Match[str]) -> Span | None:
    """A value that no one would write as a word: letters and digits mixed, and high entropy."""
    start = match.start("value")
    value = match["value"].rstrip(".:?")
    kinds = sum(any(map(test, value)) for test in (str.isdigit, str.islower, str.isupper)) + any(
        not c.isalnum() and c not in "-_./:" for c in value
    )
    has_digit = any(map(str.isdigit, value))
    if "://" in value or not value.isascii() or not has_digit or _STAND_IN.search(value):
        return None
    least = 2.4 if kinds > 3 else 3.2 if kinds < 3 and len(value) < 16 else 2.75
    return (start, start + len(value)) if kinds > 1 and entropy(value) >= least else None


def _canary(rng: random.Random) -> Canary:
    kind = rng.randrange(len(_PREFIXED) + 1)
    if kind == len(_PREFIXED):
        body = "\n".join(letters(rng, 64, _WORD + "+/") for _ in range(3))
        value = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
        return Canary(value, value)
    *_, alphabet, form = _PREFIXED[kind]
    value = re.sub(r" (\d+)", lambda match: letters(rng, int(match[1]), alphabet), form)
    return Canary(value, value)


ENTITIES = (Listed(20, secret),)
