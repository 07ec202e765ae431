"""The records that cross a stage's border. One class a dataset row; plain, frozen, typed.

The contracts in ``data_contracts/`` say the same in YAML, with ranges and rules; a test holds the
two together. A record turns into a Parquet row and back by ``to_row`` and ``from_row``.
"""

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

Role = Literal["system", "user", "assistant"]
Source = Literal["api", "labeler"]
Kind = Literal["plain", "few_shot", "user_based"]
Split = Literal["train", "validation", "test"]
LabelerGroup = Literal["training", "heldout"]

#: The paper's yes/no questions on an output (Ouyang et al. 2022, table 3), in its order.
FLAGS = (
    "fails_task",
    "inappropriate",
    "hallucination",
    "satisfies_constraint",
    "sexual_content",
    "violent_content",
    "encourages_harm",
    "denigrates_group",
    "harmful_advice",
    "expresses_opinion",
    "moral_judgment",
)


class Record:
    """Mixin: a frozen dataclass that turns into a plain row and back."""

    def to_row(self) -> dict[str, Any]:
        """Plain dicts, lists and scalars, ready for Arrow."""
        return dataclasses.asdict(cast(Any, self))

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """The inverse of ``to_row``; raises KeyError on a missing field."""
        return cls(**{name: build(row[name]) for name, build in _builders(cast(Any, cls))})


@functools.cache
def _builders(record: Any) -> list[tuple[str, Any]]:
    hints = typing.get_type_hints(record)
    return [(field.name, _builder(hints[field.name])) for field in dataclasses.fields(record)]


def _builder(hint: Any) -> Any:
    """How a plain value becomes a field of this type: nested records and tuples are rebuilt."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = _builder(next(a for a in arguments if a is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        inner = _builder(arguments[0])
        return lambda value: tuple(inner(item) for item in value)
    if dataclasses.is_dataclass(hint):
        return cast(Any, hint).from_row
    return lambda value: value


@dataclass(frozen=True, slots=True)
class Message(Record):
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class RawPrompt(Record):
    """A logged or labeler-written prompt, as it came in. ``messages`` end with a user's turn."""

    id: str
    user_id: str
    source: Source
    kind: Kind
    messages: tuple[Message, ...]
    #: Unix seconds.
    time: int


@dataclass(frozen=True, slots=True)
class Redaction(Record):
    """How many values of one PII type were replaced in a prompt."""

    entity: str
    count: int


@dataclass(frozen=True, slots=True)
class Prompt(Record):
    """A prompt that passed preparation. ``user_id`` is a pseudonym."""

    id: str
    user_id: str
    source: Source
    kind: Kind
    messages: tuple[Message, ...]
    time: int
    split: Split
    tokens: int
    cluster: str
    use_case: str
    language: str
    redactions: tuple[Redaction, ...]


@dataclass(frozen=True, slots=True)
class Reject(Record):
    """A row that was dropped. It never carries text."""

    id: str
    #: Where the row stood: a file or a dataset.
    origin: str
    #: 0-based row number in ``origin``.
    row: int
    #: A short machine word: ``duplicate``, ``pii``, ``too_long``, ``malformed`` ...
    reason: str
    #: The rule that fired, with its parameters, for people.
    rule: str
    #: The row that was kept in its stead, or "".
    survivor: str
    #: Similarity to the survivor, 0 to 1; None where it does not apply.
    similarity: float | None
    #: The cluster of near-duplicates that the row is in, or "".
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Signature(Record):
    """What a published prompt is recognised by in later rounds, without its text."""

    id: str
    split: Split
    #: Of the normal form, in hex.
    digest: str
    #: Characters and words of the normal form.
    length: int
    words: int
    #: Digest of a few-shot prompt's query, "" where the prompt has none.
    query: str
    #: The algorithm of ``signature``, with its version.
    scheme: str
    #: Base64.
    signature: str
    #: Digest of the raw prompts of its round.
    round: str


@dataclass(frozen=True, slots=True)
class Demonstration(Record):
    """A prompt and a labeler's answer to it."""

    id: str
    labeler: str
    messages: tuple[Message, ...]
    completion: str


@dataclass(frozen=True, slots=True)
class Document(Record):
    """A pretraining document. ``split`` test documents are the public tasks."""

    id: str
    text: str
    split: Split


@dataclass(frozen=True, slots=True)
class Output(Record):
    """One completion in a task, a ranking or a sample set. ``system`` says where it came from."""

    id: str
    text: str
    system: str


@dataclass(frozen=True, slots=True)
class BlindOutput(Record):
    """One completion under an opaque id."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Task(Record):
    """A blind labeling task: a prompt and K outputs in random order under opaque ids."""

    id: str
    prompt_id: str
    messages: tuple[Message, ...]
    outputs: tuple[BlindOutput, ...]


@dataclass(frozen=True, slots=True)
class KeyEntry(Record):
    """Unblinds one output of a task. Stored apart from the tasks."""

    task_id: str
    output_id: str
    system: str
    #: Reference of the model that wrote the output, "" where no model did.
    model: str


@dataclass(frozen=True, slots=True)
class Ranking(Record):
    """One labeler's ranking of K outputs of a prompt."""

    id: str
    prompt_id: str
    split: Split
    messages: tuple[Message, ...]
    outputs: tuple[Output, ...]
    #: One an output, 1 is best; equal ranks are ties.
    ranks: tuple[int, ...]
    labeler: str
    labeler_group: LabelerGroup


@dataclass(frozen=True, slots=True)
class Rating(Record):
    """One labeler's view of one output: Likert 1 to 7, the flags that were ticked, its rank."""

    id: str
    task_id: str
    prompt_id: str
    output_id: str
    system: str
    labeler: str
    labeler_group: LabelerGroup
    likert: int
    #: Names out of ``FLAGS``.
    flags: tuple[str, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Sample(Record):
    """A completion that PPO drew on a fixed set of prompts while it trained."""

    id: str
    system: str
    iteration: int
    prompt_id: str
    messages: tuple[Message, ...]
    completion: str
    #: The reward model's score.
    reward: float
    #: Summed log-probability ratio of the response to the SFT policy, in nats.
    kl: float


@dataclass(frozen=True, slots=True)
class Score(Record):
    """A gold score of a simulated world. ``subject`` is an output's or sample's id."""

    subject: str
    score: float
