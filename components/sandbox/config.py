"""Configs of the made-up world, its labelers and its gold scores.

The paper has no such world. Every value here is our own, chosen so that the paper's findings show
at toy scale; the README of this stage says how each was tuned.
"""

from typing import Literal, Self

import pydantic
from pydantic import Field

from components.core.config import Config


class FlawRates(Config):
    """How often the labelers who write demonstrations slip (probabilities; own values)."""

    ignored_constraint: float = Field(
        0.3, ge=0, le=1, description="An explicit constraint is ignored."
    )
    rambling: float = Field(0.35, ge=0, le=1, description="A sentence too many.")
    wrong: float = Field(0.06, ge=0, le=1, description="A wrong answer.")
    repeated: float = Field(0.1, ge=0, le=1, description="The last sentence comes twice.")
    rude: float = Field(0.08, ge=0, le=1, description="A rude word at the end.")
    no_refusal: float = Field(0.2, ge=0, le=1, description="A harmful request is served.")
    needless_refusal: float = Field(
        0.03,
        ge=0,
        le=1,
        description="A harmless request is refused. Without any, the reward model never sees one "
        "and takes a refusal for good everywhere.",
    )


class WorldConfig(Config):
    """What ``sandbox.world`` writes."""

    seed: int = Field(0, ge=0, description="Draws the world: its facts, users and texts.")
    users: int = Field(60, ge=1, description="API users, each with a mix of requests of their own.")
    user_prompts_min: int = Field(
        130, ge=1, description="Fewest prompts of one user. At most 200 survive the paper's cap."
    )
    user_prompts_max: int = Field(225, ge=1, description="Most prompts of one user.")
    labelers: int = Field(12, ge=1, description="Labelers who write prompts and demonstrations.")
    labeler_prompts: int = Field(
        60, ge=0, description="Prompts of one labeler: a third each plain, few-shot, user-based."
    )
    demonstrations: int = Field(3000, ge=1, description="Demonstrations, over all labelers.")
    flaws: FlawRates = Field(FlawRates(), description="Flaws of the demonstrations.")
    duplicate_share: float = Field(
        0.04, ge=0, le=0.5, description="Planted duplicates, as a share of the prompts."
    )
    canaries_per_entity: int = Field(
        3, ge=0, description="Planted PII values of each kind (e-mail, phone, card ...)."
    )
    documents: int = Field(20000, ge=1, description="Pretraining documents for training.")
    test_documents: int = Field(
        300, ge=1, description="Held-out documents: the public tasks of the alignment tax."
    )
    page_share: float = Field(
        0.14, ge=0, le=1, description="Share of web-like question pages among the documents."
    )

    @pydantic.model_validator(mode="after")
    def _range(self) -> Self:
        if self.user_prompts_min > self.user_prompts_max:
            raise ValueError("user_prompts_min must be at most user_prompts_max")
        return self


class LabelersConfig(Config):
    """Who answers the exported tasks, and how they see what they read."""

    seed: int = Field(0, ge=0, description="Seed of the world, of the labelers and of their noise.")
    group: Literal["training", "heldout", "both"] = Field(
        "training",
        description="Which labelers answer. 'both': the training labelers, and the held-out ones "
        "as heldout_share says.",
    )
    training_labelers: int = Field(12, ge=1, description="Labelers of the training group.")
    heldout_labelers: int = Field(6, ge=1, description="Labelers who never write training data.")
    labelers_per_task: int = Field(1, ge=1, description="Labelers who answer each task.")
    second_opinion: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the tasks that one more labeler answers: what agreement is measured "
        "on where labelers_per_task is 1.",
    )
    heldout_share: float = Field(
        0.4,
        ge=0,
        le=1,
        description="With group 'both': share of the tasks that two held-out labelers answer, too. "
        "They show whether a reward model holds for people who did not train it.",
    )
    severity: float = Field(
        1.7,
        gt=0,
        description="Utility per point of gold score, in units of the Gumbel noise: it sets how "
        "often labelers agree (paper: 72.6%).",
    )
    severity_spread: float = Field(
        0.25, ge=0, lt=1, description="Labelers' own severity: 1 +- this share."
    )
    taste_length: float = Field(
        0.05, ge=0, description="Standard deviation of labelers' liking for a word more."
    )
    taste_politeness: float = Field(
        0.4, ge=0, description="Standard deviation of labelers' liking for thanks, please, sure."
    )
    tie: float = Field(0.15, ge=0, description="Utilities closer than this are ranked equal.")
    flag_noise: float = Field(
        0.02, ge=0, le=0.5, description="Probability that a flag is ticked or left out by mistake."
    )


class GoldConfig(Config):
    """Gold scores of samples."""

    seed: int = Field(0, ge=0, description="Seed of the world.")
