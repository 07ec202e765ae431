"""Applies the policy to a conversation: placeholders, pseudonyms, drops; then looks again.

A value becomes ``[EMAIL_1]``; within a conversation the same value is the same number. Under
``pseudonymise`` it becomes ``[EMAIL_3f9a12bc]``: an HMAC under the run's key, so that the same
value is the same token in all prompts of a run, and in no other run. The key is never written.
"""

import hmac
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.core.records import Message, Redaction
from components.prompts.config import Action
from components.prompts.pii.detect import Detector, Hit
from components.prompts.pii.entity import Entity

_SEPARATORS = re.compile(r"[\s().-]")
_PLACEHOLDER = re.compile(r"\[([A-Z_]{2,20})_(\d{1,6})\]")
#: Replacing a value can make its surroundings look like another; more rounds than this do not end.
_ROUNDS = 4


@dataclass(frozen=True)
class Finding:
    """What the audit says of one value."""

    entity: str
    rule: str
    action: Action


@dataclass(frozen=True)
class Treated:
    """A conversation after treatment."""

    messages: tuple[Message, ...]
    redactions: tuple[Redaction, ...]
    findings: tuple[Finding, ...]
    #: Why the prompt is dropped, or "".
    dropped: str


class Redactor:
    """Treats conversations under one policy."""

    def __init__(
        self,
        entities: Sequence[Entity],
        policy: Mapping[str, Action],
        max_hits: int,
        run_key: bytes,
    ) -> None:
        kept = [entity for entity in entities if policy[entity.name] == "keep"]
        self._keepers = Detector(kept)
        self._detector = Detector([entity for entity in entities if entity not in kept])
        self._policy = policy
        self._max_hits = max_hits
        self._run_key = run_key

    def treat(self, messages: tuple[Message, ...]) -> Treated:
        """Treat one conversation. The result holds no value that the detectors find."""
        findings = [
            Finding(hit.entity, hit.rule, "keep")
            for message in messages
            for hit in self._keepers.find(message.content)
        ]
        labels = _Labels(messages, self._policy, self._run_key)
        redacted: Counter[str] = Counter()
        for _ in range(_ROUNDS):
            found = [self._detector.find(message.content) for message in messages]
            hits = [hit for group in found for hit in group]
            if not hits:
                counts = tuple(Redaction(name, redacted[name]) for name in sorted(redacted))
                return Treated(messages, counts, tuple(findings), "")
            findings += [Finding(hit.entity, hit.rule, self._policy[hit.entity]) for hit in hits]
            redacted.update(hit.entity for hit in hits)
            dropping = sorted({h.entity for h in hits if self._policy[h.entity] == "drop"})
            if dropping:
                return _dropped(findings, f"pii: holds {', '.join(dropping)}")
            if redacted.total() > self._max_hits:
                return _dropped(findings, f"pii: more than {self._max_hits} values")
            messages = tuple(
                Message(message.role, labels.replaced(message.content, group))
                for message, group in zip(messages, found, strict=True)
            )
        return _dropped(findings, "pii: values remain after redaction")


class _Labels:
    """The placeholders of one conversation."""

    def __init__(
        self, messages: Sequence[Message], policy: Mapping[str, Action], run_key: bytes
    ) -> None:
        self._policy = policy
        self._run_key = run_key
        self._known: dict[tuple[str, str], str] = {}
        #: Placeholders that already stand in the text (an earlier round's) keep their numbers.
        self._last: dict[str, int] = {}
        for message in messages:
            if "_" in message.content:
                for entity, number in _PLACEHOLDER.findall(message.content):
                    self._last[entity] = max(self._last.get(entity, 0), int(number))

    def replaced(self, text: str, hits: Sequence[Hit]) -> str:
        """The text with its values replaced."""
        parts, at = [], 0
        for hit in hits:
            parts += [text[at : hit.start], self._label(hit.entity, text[hit.start : hit.end])]
            at = hit.end
        return "".join([*parts, text[at:]])

    def _label(self, entity: str, value: str) -> str:
        key = (entity, _SEPARATORS.sub("", value).casefold())
        if key not in self._known:
            self._known[key] = self._new(*key)
        return self._known[key]

    def _new(self, entity: str, value: str) -> str:
        if self._policy[entity] == "pseudonymise":
            data = f"{entity}:{value}".encode("utf-8", "surrogatepass")
            return f"[{entity}_{hmac.digest(self._run_key, data, 'sha256').hex()[:8]}]"
        self._last[entity] = self._last.get(entity, 0) + 1
        return f"[{entity}_{self._last[entity]}]"


def _dropped(findings: list[Finding], rule: str) -> Treated:
    return Treated((), (), tuple(findings), rule)
