"""Addresses of machines, and URLs that carry credentials."""

import ipaddress
import random
import re

from components.prompts.config import PiiConfig
from components.prompts.pii.entity import Canary, Entity, Listed, Rule, Span, before, letters

_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d|/\d{1,2}(?![\w/]))")
_IPV4_GATE = r"\d\.\d{1,3}\.\d{1,3}\.\d"
_IPV6 = re.compile(
    r"(?:(?<![\w:.])|(?<=(?i:ipv6):))(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w:])"
)
_TWO_PARTS = re.compile(r"(?:fe[89ab]|[23][0-9a-f]{2})[0-9a-f]::[0-9a-f]{3,4}$", re.IGNORECASE)
_IPV6_GATE = r":[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]"
#: Also what follows a word's colon, as in "MAC:15:0d:...".
_MAC = re.compile(
    r"(?:(?<![\w:-])|(?<=(?i:mac|ddr|ess):))[0-9A-Fa-f]{2}(?P<gap>[:-])(?:[0-9A-Fa-f]{2}(?P=gap)){4}[0-9A-Fa-f]{2}(?![\w:-])"
)
_MAC_DOTS = re.compile(r"(?<![\w.-])(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}(?![\w-]|\.\w)")
_MAC_GATE = r":[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}:|-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-"
_URL = re.compile(r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{1,30}://[^\s<>\"'`]++")
_URL_SECRET = re.compile(
    r"[?&#;](?:[\w.-]{0,30}(?:token|api_?key|auth_?key|secret|passw(?:or)?d|signature|session(?:_?id)?)"
    r"|key|pass|sig|auth|pwd|sid|jwt|code)=(?P<value>[^&#\s]{6,})",
    re.IGNORECASE,
)
#: A user may be an address, or missing; a password may hold what RFC 3986 wants escaped.
_URL_USER = re.compile(r"://[^/?#\s:]{0,256}+:[^/@\s]{1,256}+@")
#: What is compared with versions has another name.
_VERSION = re.compile(
    r"\b(?:v|ver|version|release|build|firmware|jdk|section|clause|chapter|article|paragraph|rule|§)"
    r"[\"']?[ .:=]{0,2}[\"']?$|(?P<name>[\w.\[\]-]+) ?[=<>~!]=[ =]?$"
)
_HOST_NAME = re.compile(
    r"ip|addr|host|src|dst|server|remote|client|peer|gateway|dns|ping|route|subnet|login|://"
)


def url(config: PiiConfig) -> Entity:
    """URLs with a user's password or a parameter that is a token."""

    def check(match: re.Match[str]) -> Span | None:
        text = match.group().rstrip(".,;:!?)]}")
        if _URL_USER.search(text) or _URL_SECRET.search(text):
            return match.start(), match.start() + len(text)
        return None

    def canary(rng: random.Random) -> Canary:
        token = letters(rng, 20, "0123456789abcdefghjkmnpqrstvwxyz")
        value = rng.choice(
            (
                f"https://files.example.com/report?access_token={token}",
                f"postgres://admin:{token}@db.example.net:5432/sales",
            )
        )
        return Canary(value, value)

    # Both kinds hold an = or a password between : and @.
    rule = Rule("url.credentials", _URL, check=check, gate=r"://\S*[=@]")
    return Entity("URL", (rule,), "redact", True, canary)


def ip(config: PiiConfig) -> Entity:
    """IPv4 and IPv6 addresses, without loopback, unspecified and net masks."""

    def check(match: re.Match[str]) -> Span | None:
        try:
            address = ipaddress.ip_address(match.group())
        except ValueError:
            return None
        if address.is_loopback or address.is_unspecified or match.group().startswith("255."):
            return None
        called = _VERSION.search(before(match, 40))
        if address.version == 4 and called and not _HOST_NAME.search(called["name"] or ""):
            return None
        # Four small numbers are a version or a section: of a million addresses it is one.
        small = address.version == 4 and not address.is_private and max(address.packed) < 32
        if small and not _HOST_NAME.search(before(match, 40)):
            return None
        parts = sum(map(bool, match.group().split(":")))
        if address.version == 6 and "." not in match.group() and parts < 3:
            # A C++ name or a slice such as a::1, unless it begins as addresses do.
            return match.span() if _TWO_PARTS.match(match.group()) else None
        return match.span()

    def canary(rng: random.Random) -> Canary:
        if rng.random() < 0.5:
            value = f"203.0.113.{rng.randrange(1, 255)}"
        else:
            value = f"2001:db8:{rng.randrange(1, 65536):x}::{rng.randrange(1, 65536):x}"
        return Canary(value, value)

    rules = (
        Rule("ip.v4", _IPV4, gate=_IPV4_GATE, check=check),
        Rule("ip.v6", _IPV6, gate=_IPV6_GATE, check=check),
    )
    return Entity("IP", rules, "redact", True, canary)


def mac(config: PiiConfig) -> Entity:
    """Hardware addresses of network cards."""

    def check(match: re.Match[str]) -> Span | None:
        return match.span() if len(set(match.group())) > 2 else None  # not 00:00:... or ff-ff-...

    def mixed(match: re.Match[str]) -> Span | None:
        # Else an amount, or a word.
        both = any(map(str.isdigit, match.group())) and any(map(str.isalpha, match.group()))
        return match.span() if both else None

    def canary(rng: random.Random) -> Canary:
        value = rng.choice(":-").join(f"{byte:02x}" for byte in rng.randbytes(6))
        return Canary(value, value)

    rules = (
        Rule("mac.address", _MAC, gate=_MAC_GATE, check=check),
        Rule("mac.dots", _MAC_DOTS, gate=r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.", check=mixed),
    )
    return Entity("MAC", rules, "redact", True, canary)


ENTITIES = (Listed(10, url), Listed(90, ip), Listed(100, mac))
