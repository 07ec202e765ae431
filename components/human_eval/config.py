"""Configs of the export of blind tasks and of the import of labels."""

from typing import Annotated, Self

import pydantic
from pydantic import Field

from components.core.config import PERSONAL, Config
from components.core.records import Split


class FewShotConfig(Config):
    """A system made of a policy and demonstrations put before the conversation as earlier turns."""

    system: str = Field(
        default="prompted",
        pattern=r"^[a-z0-9][a-z0-9_.-]*$",
        description="Name of the system (the paper's 'GPT, prompted' baseline).",
    )
    model: str = Field(default="base", description="Name of the policy that it prompts.")
    examples: int = Field(
        default=3,
        ge=1,
        description="Demonstrations before each prompt (own value; the paper's prefix is not "
        "printed). Fewer where the model's context is too short.",
    )


def published_as(name: str, purpose: str) -> str:
    """What an export with a purpose is published as: ``tasks_systems``, and plain ``tasks``.

    The plain names are those of comparisons, of which a reward model learns; so an evaluation of
    systems never becomes the ``latest`` of what trains.
    """
    return name if purpose in ("", "comparisons") else f"{name}_{purpose}"


class ExportConfig(Config):
    """Which prompts become tasks, and how their outputs are sampled."""

    purpose: str = Field(
        default="",
        pattern=r"^[a-z0-9_]*$",
        description="What tells this step apart from others of its kind in one run, and the names "
        "of what it publishes: tasks_systems, key_systems; plain tasks, key for 'comparisons'.",
    )
    split: Split = Field(default="train", description="The split that prompts are taken from.")
    prompts: int = Field(
        default=0, ge=0, description="Tasks to make, drawn by seed; 0 makes one of every prompt."
    )
    also: dict[Split, pydantic.NonNegativeInt] = Field(
        default={},
        description="Tasks of further splits, {'validation': 200}: rankings of held-out prompts "
        "that the reward model is measured on. 0 takes every prompt of that split.",
    )
    outputs_min: int = Field(
        default=4,
        ge=1,
        description="Least outputs a prompt and system. The paper ranks 4 to 9 of one policy; "
        "1 where systems are compared.",
    )
    outputs_max: int = Field(
        default=9, ge=1, description="Most outputs a prompt and system (the paper's K: 9)."
    )
    few_shot: FewShotConfig | None = Field(
        default=None, description="A few-shot prompted system beside the given policies."
    )
    temperature: float = Field(
        default=1.0, ge=0, description="Sampling temperature (paper: 1). 0 takes the likeliest."
    )
    max_new_tokens: int = Field(
        default=1024, ge=1, description="Longest output, in tokens (paper: 1k)."
    )
    batch_size: int = Field(
        default=256, ge=1, description="Outputs sampled at a time (own value; bounds memory)."
    )
    seed: int = Field(default=0, description="Seed of the choice of prompts, of K and of sampling.")

    @pydantic.model_validator(mode="after")
    def _range(self) -> Self:
        if self.outputs_min > self.outputs_max:
            raise ValueError(
                f"outputs_min ({self.outputs_min}) must be at most outputs_max ({self.outputs_max})"
            )
        if self.split in self.also:
            raise ValueError(f"also: '{self.split}' is the split of 'prompts' already")
        return self


class ImportConfig(Config):
    """How labels are read back."""

    purpose: str = Field(
        default="",
        pattern=r"^[a-z0-9_]*$",
        description="What tells this step apart from others of its kind in one run; no effect on "
        "the result.",
    )
    split: Split = Field(
        default="train",
        description="Split that the rankings belong to; a prompt's own split where the input "
        "'prompts' is given.",
    )
    heldout_labelers: Annotated[tuple[str, ...], PERSONAL] = Field(
        default=(),
        description="Labelers who never write training data: ids or emails, '*' stands for any "
        "characters (heldout-*@example.org).",
    )
    resamples: int = Field(
        default=1000, ge=100, description="Bootstrap resamples of intervals (own value)."
    )
    seed: int = Field(default=0, description="Seed of the bootstrap.")
