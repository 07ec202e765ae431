"""Applies the policy to a conversation: placeholders, pseudonyms, drops; then looks again.

A value becomes ``[EMAIL_1]``; within a conversation the same value is the same number. Under
``pseudonymise`` it becomes ``[EMAIL_3f9a12bc]``: an HMAC under the run's key, so that the same
value is the same token in all prompts of a run, and in no other run. The key is never written.
"""

import hmac
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.core.records import Message, Redaction
from components.prompts.config import Action
from components.prompts.pii.detect import Detector, Hit
from components.prompts.pii.entity import Entity
from components.prompts.pii.plain import plain

_SEPARATORS = re.compile(r"[\s().-]")
_PLACEHOLDER = re.compile(r"\[([A-Z_]{2,20})_(\d{1,6})\]")
_PSEUDONYM = re.compile(r"\[([A-Z_]{2,20})_[0-9a-f]{8}\]")
#: Numbered and pseudonymised ones.
_LABEL = re.compile(r"\[[A-Z_]{2,20}_(?:\d{1,6}|[0-9a-f]{8})\]")
#: Replacing a value can make its surroundings look like another; more rounds than this do not end.
_ROUNDS = 4
#: A model may see names in its own output for ever.
_NAME_ROUNDS = 2


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
        self._keeps = bool(kept)
        self._keepers = Detector(kept)
        self._detector = Detector([entity for entity in entities if entity not in kept])
        #: Both entities of a model share it: it reads each text once.
        self._models = list({entity.names: None for entity in entities if entity.names})
        self._policy = policy
        self._max_hits = max_hits
        self._run_key = run_key

    def treat(self, messages: tuple[Message, ...]) -> Treated:
        """Treat one conversation. The result holds no value that the detectors find."""
        case = _Case(messages, self._policy, self._run_key)
        if self._keeps:
            for message in messages:
                case.note(self._keepers.find(message.content))
        dropped = self._by_rules(case)
        if self._models and not dropped:
            self._by_names(case)
            dropped = self._by_rules(case)
        if dropped:
            return Treated((), (), tuple(case.findings), dropped)
        if not case.findings:
            return Treated(messages, (), (), "")
        counts = tuple(Redaction(name, count) for name, count in sorted(case.redacted.items()))
        return Treated(case.messages, counts, tuple(case.findings), "")

    def _by_rules(self, case: "_Case") -> str:
        """Replace what rules find until they find nothing; or why the prompt is dropped."""
        values = 0
        for _ in range(_ROUNDS):
            found = [self._detector.find(message.content) for message in case.messages]
            hits = [hit for group in found for hit in group]
            if not hits:
                return ""
            values += len(hits)
            dropping = sorted({h.entity for h in hits if self._policy[h.entity] == "drop"})
            if dropping or values > self._max_hits:
                case.note(hits)
                return (
                    f"pii: holds {', '.join(dropping)}"
                    if dropping
                    else f"pii: more than {self._max_hits} values"
                )
            case.replace(found)
        return "pii: values remain after redaction"

    def _by_names(self, case: "_Case") -> None:
        """Replace the names that models find. They are not counted, and drop nothing."""
        for turn in range(_NAME_ROUNDS):
            found = [self._find_names(message.content) for message in case.messages]
            kept = [hit for group in found for hit in group if self._policy[hit.entity] == "keep"]
            if turn == 0:
                case.note(kept)
            found = [[hit for hit in group if hit not in kept] for group in found]
            if not any(found):
                return
            case.replace(found)

    def _find_names(self, text: str) -> list[Hit]:
        """The names in a text, without the placeholders that a model takes for parts of them."""
        placeholders = [match.span() for match in _LABEL.finditer(text)]
        hits: list[Hit] = []
        for start, end, entity in sorted(n for model in self._models for n in model.find(text)):
            if hits and start < hits[-1].end:
                continue
            within = [
                (max(s, start), min(e, end)) for s, e in placeholders if s < end and start < e
            ]
            edges = [start, *(edge for span in within for edge in span), end]
            for first, last in zip(edges[::2], edges[1::2], strict=True):
                part = text[first:last]
                if any(map(str.isalnum, part)):
                    first += len(part) - len(part.lstrip())
                    last -= len(part) - len(part.rstrip())
                    hits.append(Hit(first, last, entity, f"{entity.lower()}.model"))
        return hits


def with_numbers(messages: Sequence[Message]) -> tuple[Message, ...]:
    """A conversation with numbers in place of pseudonyms, as ``redact`` would have it.

    Prompts are compared by it: pseudonyms of one value differ from round to round.
    """
    known: dict[str, str] = {}
    last: Counter[str] = Counter()

    def number(match: re.Match[str]) -> str:
        if match[0] not in known:
            last[match[1]] += 1
            known[match[0]] = f"[{match[1]}_{last[match[1]]}]"
        return known[match[0]]

    return tuple(Message(m.role, _PSEUDONYM.sub(number, m.content)) for m in messages)


@dataclass
class _Case:
    """A conversation under treatment."""

    messages: tuple[Message, ...]
    policy: Mapping[str, Action]
    run_key: bytes
    findings: list[Finding] = field(default_factory=list)
    redacted: Counter[str] = field(default_factory=Counter)
    labels: "_Labels | None" = None

    def note(self, hits: Sequence[Hit]) -> None:
        """Write down what was found."""
        self.findings += [Finding(hit.entity, hit.rule, self.policy[hit.entity]) for hit in hits]

    def replace(self, found: Sequence[Sequence[Hit]]) -> None:
        """Replace the values found in each message."""
        if self.labels is None:
            self.labels = _Labels(self.messages, self.policy, self.run_key)
        labels = self.labels
        for group in found:
            self.note(group)
            self.redacted.update(hit.entity for hit in group)
        self.messages = tuple(
            Message(message.role, labels.replaced(message.content, group)) if group else message
            for message, group in zip(self.messages, found, strict=True)
        )


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
        key = (entity, _SEPARATORS.sub("", plain(value)[0]).casefold())
        if key not in self._known:
            self._known[key] = self._new(*key)
        return self._known[key]

    def _new(self, entity: str, value: str) -> str:
        if self._policy[entity] == "pseudonymise":
            data = f"{entity}:{value}".encode("utf-8", "surrogatepass")
            return f"[{entity}_{hmac.digest(self._run_key, data, 'sha256').hex()[:8]}]"
        self._last[entity] = self._last.get(entity, 0) + 1
        return f"[{entity}_{self._last[entity]}]"
