"""The steps of preparation over rows in memory: no storage, no tracking.

1. Validity: user, conversation, unique id, at most ``max_characters``.
2. Exact duplicates: PII and length then look at each text once. What befalls the row that stays
   befalls its duplicates.
3. Length in tokens.
4. PII, with canaries among the rows.
5. Near-duplicates (and duplicates that redaction has made equal), over all splits at once: no
   cluster stands in two of them.
6. Cap per user.
Redaction comes before near-duplicates so that a row that may not be published never stands for
others, and prompts that differ only in who wrote them are one.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from components.core.config import sha256_hex
from components.core.records import Message, Prompt, RawPrompt, Redaction, Reject, Split
from components.prompts.audit import Located
from components.prompts.cap import NO_CAP, draw, over_cap
from components.prompts.config import PromptsConfig
from components.prompts.dedup import Comparable, exact_duplicates, near_duplicates
from components.prompts.language import identify_all
from components.prompts.length import CountTokens
from components.prompts.normalise import conversation, few_shot_query
from components.prompts.pii import registry
from components.prompts.pii.canaries import Planted, Recall, plant, recall
from components.prompts.pii.redact import Redactor, Treated
from components.prompts.split import Pseudonyms, split_of, split_unit
from components.prompts.use_case import use_cases

STEPS = 6
Report = Callable[[int], None]


@dataclass(frozen=True)
class Surroundings:
    """What preparation needs besides rows and config."""

    #: Where the rows come from, for rejects.
    origin: str
    count_tokens: CountTokens
    pseudonyms: Pseudonyms
    #: Seeds the canaries: the same for the same work.
    seed: str
    #: Key of pseudonymised values.
    run_key: bytes


@dataclass(frozen=True)
class Prepared:
    """What came out. ``prompts`` and ``rejects`` together are as many as the rows."""

    prompts: list[Prompt]
    rejects: list[Reject]
    located: list[Located]
    recall: Recall


@dataclass
class _Ledger:
    """Which rows are left, and why the others are not."""

    rows: Sequence[RawPrompt]
    origin: str
    alive: list[int] = field(default_factory=list)
    rejects: dict[int, Reject] = field(default_factory=dict)
    #: Exact duplicates by the row that stays.
    exact: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def drop(
        self,
        row: int,
        reason: str,
        rule: str,
        survivor: int | None = None,
        similarity: float | None = None,
    ) -> None:
        """Reject a row, and for the same reason its exact duplicates."""
        for at in [row, *self.exact.pop(row, [])]:
            self.rejects[at] = Reject(
                # An address is no id to publish; the row number finds the row.
                id="" if "@" in self.rows[at].id else self.rows[at].id,
                origin=self.origin,
                row=at,
                reason=reason,
                rule=rule if at == row else f"{rule}; its exact duplicate",
                survivor="" if survivor is None else self.rows[survivor].id,
                similarity=similarity,
            )

    def left(self) -> list[int]:
        """The rows that are still there."""
        self.alive = [row for row in self.alive if row not in self.rejects]
        return self.alive


def prepare(
    rows: Sequence[RawPrompt], config: PromptsConfig, around: Surroundings, report: Report
) -> Prepared:
    """Prepare rows. Every row comes out once: as a prompt or as a reject."""
    ledger = _Ledger(rows, around.origin, list(range(len(rows))))

    # 1. Rows that no later step could look at.
    _validate(ledger, config)
    report(1)

    # 2. Exact duplicates.
    left = ledger.left()
    prompts = [_comparable(row, row.messages) for row in (rows[at] for at in left)]
    for duplicate in exact_duplicates(prompts):
        ledger.exact[left[duplicate.survivor]].append(left[duplicate.row])
    held = {row for group in ledger.exact.values() for row in group}
    ledger.alive = [row for row in left if row not in held]
    report(2)

    # 3. Length.
    left = ledger.left()
    counts = around.count_tokens([rows[row].messages for row in left])
    tokens = dict(zip(left, counts, strict=True))
    _drop_long(ledger, tokens, config.max_tokens)
    report(3)

    # 4. PII; what it changed is counted again.
    treated, located, canaries = _treat(ledger, config, around)
    touched = [row for row, t in treated.items() if t.redactions]
    counts = around.count_tokens([treated[row].messages for row in touched])
    changed = dict(zip(touched, counts, strict=True))
    tokens |= changed
    _drop_long(ledger, changed, config.max_tokens)
    languages = _languages(ledger, treated, config)
    report(4)

    # 5. Near-duplicates of what may be published.
    left = ledger.left()
    prompts = [_comparable(rows[row], treated[row].messages) for row in left]
    _drop_duplicates(ledger, left, prompts, config)
    clusters = {row: _cluster(prompt.text) for row, prompt in zip(left, prompts, strict=True)}
    report(5)

    # 6. Cap. Then what is left is published; its exact duplicates are not.
    _drop_over_cap(ledger, config)
    left = ledger.left()
    cases = use_cases([treated[row].messages for row in left])
    kept = [
        _prompt(rows[row], treated[row], tokens[row], clusters[row], case, languages[row], config,
                around)
        for row, case in zip(left, cases, strict=True)
    ]  # fmt: skip
    for row in left:
        for other in ledger.exact.pop(row, []):
            ledger.drop(other, "duplicate", "exact: same normal form", row, 1.0)
    report(6)

    if len(kept) + len(ledger.rejects) != len(rows):
        raise AssertionError(
            f"prompts: {len(rows)} rows came in, {len(kept)} + {len(ledger.rejects)} came out"
        )
    rejects = [ledger.rejects[row] for row in sorted(ledger.rejects)]
    return Prepared(kept, rejects, located, canaries)


def _validate(ledger: _Ledger, config: PromptsConfig) -> None:
    seen: set[str] = set()
    for row, prompt in enumerate(ledger.rows):
        fault = _fault(prompt)
        size = sum(len(message.content) for message in prompt.messages)
        if fault:
            ledger.drop(row, "malformed", f"malformed: {fault}")
        elif prompt.id in seen:
            ledger.drop(row, "duplicate_id", "duplicate_id: an earlier row has this id")
        elif size > config.max_characters:
            limit = f"more than {config.max_characters} characters"
            ledger.drop(row, "too_long", f"max_characters: {limit}")
        seen.add(prompt.id)


def _fault(prompt: RawPrompt) -> str:
    """What is wrong with a row, or ""."""
    if not prompt.id or "@" in prompt.id:
        return "id is empty or holds an address"
    if not prompt.user_id.strip():
        return "user_id is empty"
    if not prompt.messages or prompt.messages[-1].role != "user":
        return "messages do not end with a user's turn"
    if not prompt.messages[-1].content.strip():
        return "the user's last turn is empty"
    if not all(_encodable(message.content) for message in prompt.messages):
        return "messages hold lone surrogates, which UTF-8 cannot write"
    return ""


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _drop_long(ledger: _Ledger, tokens: dict[int, int], limit: int) -> None:
    for row, count in tokens.items():
        if count > limit and row not in ledger.rejects:
            ledger.drop(row, "too_long", f"max_tokens: more than {limit} tokens")


def _treat(
    ledger: _Ledger, config: PromptsConfig, around: Surroundings
) -> tuple[dict[int, Treated], list[Located], Recall]:
    """Step 4: rows and canaries go the same way; then the canaries are taken out again."""
    known = registry.entities(config.pii)
    actions = registry.policy(config.pii, known)
    redactor = Redactor(known, actions, config.pii.max_hits, around.run_key)
    canaries = list(plant(known, config.pii.canaries_per_entity, around.seed))
    left = ledger.left()
    step = max(1, len(left) // len(canaries))
    planted: list[tuple[Planted, Treated]] = []
    treated: dict[int, Treated] = {}
    located: list[Located] = []
    for position, row in enumerate(left):
        if position % step == 0 and len(planted) < len(canaries):
            canary = canaries[len(planted)]
            planted.append((canary, redactor.treat(canary.messages)))
        prompt = ledger.rows[row]
        outcome = redactor.treat(prompt.messages)
        treated[row] = outcome
        if outcome.findings:
            split = _split(prompt, config)
            located += [Located(prompt.id, split, finding) for finding in outcome.findings]
        if outcome.dropped:
            ledger.drop(row, "pii", outcome.dropped)
    planted += [(c, redactor.treat(c.messages)) for c in canaries[len(planted) :]]
    return treated, located, recall(planted)


def _languages(
    ledger: _Ledger, treated: dict[int, Treated], config: PromptsConfig
) -> dict[int, str]:
    """The language of every row that is left; rows in others than the config's, if any, go."""
    left = ledger.left()
    found = identify_all([treated[row].messages for row in left])
    if config.languages:
        for row, language in zip(left, found, strict=True):
            if language not in config.languages:
                ledger.drop(row, "language", f"languages: {language} is not in the list")
    return dict(zip(left, found, strict=True))


def _drop_over_cap(ledger: _Ledger, config: PromptsConfig) -> None:
    """Step 6: prompts over their user's cap."""
    left = ledger.left()
    numbers: dict[tuple[str, str], int] = {}
    prompts = [ledger.rows[row] for row in left]
    users = [numbers.setdefault((p.source, p.user_id), len(numbers)) for p in prompts]
    caps = [config.user_cap.of(p.source) or NO_CAP for p in prompts]
    over = over_cap(
        np.array(users, dtype=np.int64),
        np.array([draw(config.split_key, p.id) for p in prompts], dtype=np.uint64),
        np.array(caps, dtype=np.int64),
    )
    for position in np.flatnonzero(over):
        ledger.drop(
            left[position], "user_cap", f"user_cap: at most {caps[position]} prompts a user"
        )


def _drop_duplicates(
    ledger: _Ledger, left: Sequence[int], prompts: Sequence[Comparable], config: PromptsConfig
) -> None:
    """Step 5: texts that redaction made equal, then near-duplicates."""
    equal = exact_duplicates(prompts)
    gone = {duplicate.row for duplicate in equal}
    rest = [position for position in range(len(prompts)) if position not in gone]
    near = near_duplicates([prompts[position] for position in rest], config.dedup)
    stands_for: dict[int, tuple[int, float]] = {}
    for duplicate in near:
        row, survivor = rest[duplicate.row], rest[duplicate.survivor]
        stands_for[row] = (survivor, duplicate.similarity)
        ledger.drop(left[row], "duplicate", duplicate.rule, left[survivor], duplicate.similarity)
    for duplicate in equal:
        survivor, similarity = stands_for.get(duplicate.survivor, (duplicate.survivor, 1.0))
        rule = "exact: same normal form after redaction"
        ledger.drop(left[duplicate.row], "duplicate", rule, left[survivor], similarity)


def _comparable(prompt: RawPrompt, messages: tuple[Message, ...]) -> Comparable:
    query = few_shot_query(messages, prompt.kind)
    return Comparable(conversation(messages), query, prompt.time)


def _cluster(text: str) -> str:
    """Names a cluster after its survivor's normal form: the same in every round."""
    return "c-" + sha256_hex(text)[:16]


def _split(prompt: RawPrompt, config: PromptsConfig) -> Split:
    unit = split_unit(prompt.user_id, prompt.source, config.labeler_groups)
    return split_of(unit, config.split_key, config.validation_share, config.test_share)


def _prompt(
    raw: RawPrompt,
    treated: Treated,
    tokens: int,
    cluster: str,
    case: str,
    language: str,
    config: PromptsConfig,
    around: Surroundings,
) -> Prompt:
    redactions: tuple[Redaction, ...] = treated.redactions
    return Prompt(
        id=raw.id,
        user_id=around.pseudonyms.of(raw.user_id),
        source=raw.source,
        kind=raw.kind,
        messages=treated.messages,
        time=raw.time,
        split=_split(raw, config),
        tokens=tokens,
        cluster=cluster,
        use_case=case,
        language=language,
        redactions=redactions,
    )
