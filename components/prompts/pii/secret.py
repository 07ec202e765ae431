"""Secrets: keys of cloud services, tokens, private keys, passwords in context."""

import math
import random
import re
from collections import Counter

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import Canary, Entity, Listed, Rule, Span, letters

_WORD = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_EDGE = r"(?<![A-Za-z0-9_])"

#: Name, needles (split at |), expression, how a canary looks ({n} is n random characters).
_PREFIXED: tuple[tuple[str, str, str, str], ...] = (
    ("aws", "AKIA", r"AKIA[0-9A-Z]{16}", "AKIA{16}"),
    ("aws_session", "ASIA", r"ASIA[0-9A-Z]{16}", "ASIA{16}"),
    ("github", "ghp_|gho_|ghu_|ghs_|ghr_", r"gh[pousr]_[A-Za-z0-9]{30,255}", "ghp_{36}"),
    ("github_fine", "github_pat_", r"github_pat_\w{22,255}", "github_pat_{40}"),
    ("gitlab", "glpat-", r"glpat-[\w-]{20,64}", "glpat-{20}"),
    ("slack", "xox", r"xox[abeprs]-[A-Za-z0-9-]{10,250}", "xoxb-{24}"),
    ("google", "AIza", r"AIza[\w-]{35}", "AIza{35}"),
    ("openai", "sk-", r"sk-[A-Za-z0-9][\w-]{18,250}", "sk-{40}"),
    ("stripe", "k_", r"[spr]k_(?:live|test)_[A-Za-z0-9]{10,250}", "sk_live_{24}"),
    ("hugging_face", "hf_", r"hf_[A-Za-z0-9]{30,64}", "hf_{34}"),
    ("npm", "npm_", r"npm_[A-Za-z0-9]{36}", "npm_{36}"),
    ("pypi", "pypi-", r"pypi-[\w-]{50,250}", "pypi-{60}"),
    ("sendgrid", "SG.", r"SG\.[\w-]{20,24}\.[\w-]{39,50}", "SG.{22}.{43}"),
    ("databricks", "dapi", r"dapi[0-9a-f]{32}", ""),
    ("digitalocean", "_v1_", r"do[opr]_v1_[0-9a-f]{64}", ""),
    (
        "jwt",
        "eyJ",
        r"(?<!-)eyJ[\w-]{8,2000}+\.eyJ[\w-]{8,4000}+\.[\w-]{0,2000}+",
        "eyJ{20}.eyJ{40}.{43}",
    ),
)
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_PRIVATE_KEY_END = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_ASSIGNED = re.compile(
    r"(?<![a-z0-9])(?:api[_ -]?key|access[_ -]?key|secret[_ -]?key|client[_ -]?secret|secret"
    r"|auth[_ -]?token|access[_ -]?token|bearer|token|password|passwd|passphrase|pwd)"
    r"[\"']?(?:\s{0,3}(?:=>|:=|=|:)\s{0,3}| is:? |[ \t](?=[\w-]{16}))[\"'`]?"
    r"(?P<value>[^\s\"'`,;<>()\[\]{}]{8,}+)",
    re.IGNORECASE,
)
_ASSIGNED_NEEDLES = ("key", "secret", "token", "passw", "passphrase", "pwd", "bearer")


def secret(config: PiiConfig) -> Entity:
    """Secrets. A prompt that holds one is dropped by default."""
    rules = [
        Rule(
            f"secret.{name}",
            re.compile(f"{_EDGE}{pattern}(?![A-Za-z0-9])"),
            needles=tuple(needles.split("|")),
        )
        for name, needles, pattern, _ in _PREFIXED
    ]
    rules.append(
        Rule("secret.private_key", _PRIVATE_KEY, needles=("private key",), check=_to_the_end)
    )
    rules.append(
        Rule(
            "secret.assigned",
            _ASSIGNED,
            needles=_ASSIGNED_NEEDLES,
            check=_looks_random,
            at_needle=True,
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


def _looks_random(match: re.Match[str]) -> Span | None:
    """A value that no one would write as a word: letters and digits mixed, and high entropy."""
    start = match.start("value")
    value = match["value"].rstrip(".:!?")
    kinds = sum(any(map(test, value)) for test in (str.isdigit, str.islower, str.isupper)) + any(
        not c.isalnum() and c not in "-_./:" for c in value
    )
    has_digit = any(map(str.isdigit, value))
    if "://" in value or not value.isascii() or not has_digit:
        return None
    if kinds >= 2 and entropy(value) >= (3.0 if len(value) >= 16 else 2.75 if kinds >= 3 else 3.2):
        return start, start + len(value)
    return None


def _canary(rng: random.Random) -> Canary:
    forms = [form for *_, form in _PREFIXED if form]
    kind = rng.randrange(len(forms) + 1)
    if kind == len(forms):
        body = "\n".join(letters(rng, 64, _WORD + "+/") for _ in range(3))
        lines = ("-----BEGIN RSA PRIVATE KEY-----", body, "-----END RSA PRIVATE KEY-----")
        value = "\n".join(lines)
        return Canary(value, value)
    upper = _WORD[:36] if forms[kind].startswith(("AKIA", "ASIA")) else _WORD
    value = re.sub(r"\{(\d+)\}", lambda m: letters(rng, int(m[1]), upper), forms[kind])
    return Canary(value, value)


ENTITIES = (Listed(20, secret),)
