"""Raw prompts as an API would log them: many users with habits of their own, and labelers.

Duplicates (exact, in other letters, with a typo) and PII canaries are planted, and an answer sheet
(``Truth``) says where.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.core.records import Kind, Message, RawPrompt
from components.sandbox.drawing import SHARES, SHOTS, draw_request
from components.sandbox.pii import CANARIES, draw_canary
from components.sandbox.requests import render
from components.sandbox.vocabulary import NAMES, World
from components.sandbox.wordings import CUSTOMERS, OPENERS

#: 1 March 2022, in Unix seconds: when the log starts. It spans 90 days.
_START, _SPAN = 1_646_092_800, 90 * 86_400
_TYPOS = "qxzj"
#: A typo goes into prompts of at least this many characters: in a shorter one it changes more than
#: a fifth of the shingles, and nothing lexical can tell that it is the same prompt.
_TYPO_LENGTH = 80


@dataclass(frozen=True)
class Canary:
    """A planted PII value. Never published with the prompts."""

    prompt_id: str
    entity: str
    value: str


@dataclass
class Truth:
    """What was planted. ``duplicates``: kind -> [original's id, copy's id]."""

    pii_canaries: list[Canary] = field(default_factory=list)
    duplicates: dict[str, list[list[str]]] = field(
        default_factory=lambda: {"exact": [], "case": [], "near": []}
    )

    def to_json(self) -> dict[str, object]:
        """The answer sheet as plain values."""
        return {
            "pii_canaries": [
                {"prompt_id": canary.prompt_id, "entity": canary.entity, "value": canary.value}
                for canary in self.pii_canaries
            ],
            "duplicates": self.duplicates,
        }


@dataclass(frozen=True)
class PromptPlan:
    """How many of what to write."""

    users: int
    prompts_per_user: tuple[int, int]
    labelers: int
    prompts_per_labeler: int
    duplicate_share: float
    canaries_per_entity: int


def write_prompts(world: World, plan: PromptPlan) -> tuple[list[RawPrompt], Truth]:
    """All raw prompts in the order of their time, under ids that reveal nothing, and the truth."""
    rng = random.Random(f"prompts/{world.seed}")
    rows: list[_Row] = []
    for user in range(plan.users):
        rows += _user(world, f"user-{user:03d}", rng.randint(*plan.prompts_per_user), rng)
    for labeler in range(plan.labelers):
        rows += _labeler(world, f"labeler-{labeler:02d}", plan.prompts_per_labeler, rng)
    planted = _duplicates(rows, round(plan.duplicate_share * len(rows)), rng)
    canaries = _canaries(world, plan.canaries_per_entity, plan.users, rng)
    rows += [copy for _, _, copy in planted] + [row for row, _, _ in canaries]
    rows.sort(key=lambda row: (row.time, row.number))
    ids = {row.number: f"p-{place:06d}" for place, row in enumerate(rows)}
    truth = Truth()
    for kind, original, copy in planted:
        truth.duplicates[kind].append([ids[original.number], ids[copy.number]])
    for row, entity, value in canaries:
        truth.pii_canaries.append(Canary(ids[row.number], entity, value))
    return [row.record(ids[row.number]) for row in rows], truth


@dataclass
class _Row:
    number: int
    user: str
    kind: Kind
    messages: tuple[Message, ...]
    time: int

    def record(self, identity: str) -> RawPrompt:
        return RawPrompt(
            id=identity,
            user_id=self.user,
            source="labeler" if self.user.startswith("labeler") else "api",
            kind=self.kind,
            messages=self.messages,
            time=self.time,
        )


def conversation(
    world: World, skill: str, rng: random.Random, opener: str = "", constraint_rate: float = 0.35
) -> tuple[Message, ...]:
    """A prompt's messages. Asking for one's name takes an earlier turn, as in chat."""
    request = draw_request(world, skill, rng, constraint_rate)
    turns: list[Message] = []
    if skill == "recall":
        name = request.slots["name"]
        hello = rng.choice((f"hello, i am {name}.", f"good day. i am {name}."))
        turns += [Message("user", hello), Message("assistant", f"hello {name}.")]
    elif not opener and rng.random() < 0.04:
        turns += [
            Message(
                "user", rng.choice(("hello.", "are you there?", f"this is {rng.choice(NAMES)}."))
            ),
            Message("assistant", "hello. how can i help you?"),
        ]
    return (*turns, Message("user", render(request, rng, opener)))


def _pick(weights: Mapping[str, float], rng: random.Random) -> str:
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def _user(world: World, user: str, count: int, rng: random.Random) -> list[_Row]:
    """One user's prompts: a mix of skills, a way of opening and a fondness for demands."""
    own = {skill: share * rng.gammavariate(2.0, 0.5) for skill, share in SHARES.items()}
    openers: Sequence[str] = rng.sample(OPENERS, 2)
    opening, demanding, shots = rng.random() * 0.6, rng.uniform(0.2, 0.5), rng.random() * 0.1
    rows = []
    for _ in range(count):
        few_shot = rng.random() < shots
        skill = rng.choice(SHOTS) if few_shot else _pick(own, rng)
        opener = rng.choice(openers) if rng.random() < opening and not few_shot else ""
        messages = conversation(world, skill, rng, opener, demanding)
        rows.append(_row(rng, user, "few_shot" if few_shot else "plain", messages))
    return rows


def _labeler(world: World, labeler: str, count: int, rng: random.Random) -> list[_Row]:
    """The three kinds of prompts that labelers write, a third each."""
    rows = []
    kinds: tuple[Kind, ...] = ("plain", "few_shot", "user_based")
    for number in range(count):
        kind = kinds[number % 3]
        skill = rng.choice(SHOTS) if kind == "few_shot" else _pick(SHARES, rng)
        opener = rng.choice(CUSTOMERS) if kind == "user_based" else ""
        rows.append(_row(rng, labeler, kind, conversation(world, skill, rng, opener)))
    return rows


def _row(rng: random.Random, user: str, kind: Kind, messages: tuple[Message, ...]) -> _Row:
    return _Row(rng.getrandbits(62), user, kind, messages, _START + rng.randrange(_SPAN))


def _duplicates(rows: list[_Row], count: int, rng: random.Random) -> list[tuple[str, _Row, _Row]]:
    """Copies of prompts: the same text, other letters and spaces, or one typo; later in time."""
    planted = []
    for original in rng.sample(rows, count):
        text = original.messages[-1].content
        kind = rng.choice(("exact", "case", "near"))
        if kind == "near" and len(text) < _TYPO_LENGTH:
            kind = "exact"
        if kind == "case":
            text = rng.choice((text.capitalize(), text.replace(" ", "  "), f" {text} "))
        elif kind == "near":
            place = rng.randrange(len(text))
            text = text[:place] + rng.choice(_TYPOS) + text[place + 1 :]
        user = original.user if rng.random() < 0.5 else rng.choice(rows).user
        messages = (*original.messages[:-1], Message("user", text))
        copy = _row(rng, user, original.kind, messages)
        copy.time = original.time + rng.randrange(1, 86_400)
        planted.append((kind, original, copy))
    return planted


def _canaries(
    world: World, each: int, users: int, rng: random.Random
) -> list[tuple[_Row, str, str]]:
    """Prompts with one PII value each, in a sentence before or after what they ask for."""
    planted = []
    for entity in CANARIES:
        for _ in range(each):
            value, sentence = draw_canary(entity, rng)
            messages = conversation(world, _pick(SHARES, rng), rng, opener=sentence)
            user = f"user-{rng.randrange(users):03d}"
            planted.append((_row(rng, user, "plain", messages), entity, value))
    return planted
