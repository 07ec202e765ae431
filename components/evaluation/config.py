"""Config of the evaluation."""

from pydantic import Field

from components.core.config import Config
from components.core.records import Split


class EvaluationConfig(Config):
    """What is measured, and on how much."""

    baseline: str = Field(
        default="sft", description="System that win rates are against (paper: SFT)."
    )
    resamples: int = Field(
        default=2000, ge=100, description="Bootstrap resamples of intervals (own value)."
    )
    confidence: float = Field(
        default=0.95, gt=0, lt=1, description="Confidence of intervals (paper: 95%)."
    )
    documents: int = Field(
        default=0, ge=0, description="Held-out documents of the public tasks; 0 takes all."
    )
    cloze_options: int = Field(
        default=4,
        ge=2,
        description="Words to choose a document's last word from, the right one among them.",
    )
    cloze_tokens: int = Field(
        default=256,
        ge=1,
        description="Most tokens of a document that a cloze shows, the last ones (own value).",
    )
    batch_tokens: int = Field(
        default=8192, ge=1, description="Tokens, padding included, in a batch (bounds memory)."
    )
    split: Split = Field(
        default="test",
        description="Prompts that outputs are drawn for where no tasks are given.",
    )
    sampled_prompts: int = Field(
        default=64, ge=0, description="How many of them; 0 draws none (own value)."
    )
    max_new_tokens: int = Field(
        default=1024, ge=1, description="Longest output drawn here, in tokens (paper: 1k)."
    )
    temperature: float = Field(
        default=1.0, ge=0, description="Temperature of outputs drawn here (paper: 1)."
    )
    examples: int = Field(
        default=6, ge=0, description="Prompts whose outputs the report shows side by side."
    )
    seed: int = Field(
        default=0, description="Seed of the bootstrap, the cloze's words and the samples."
    )
