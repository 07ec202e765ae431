"""Config of pretraining. The paper starts from GPT-3; every value here is our own or GPT-2's."""

from typing import Literal, Self

from pydantic import Field, model_validator

from components.core.config import Config


class PretrainingConfig(Config):
    """A byte-level BPE tokenizer and a GPT-2-architecture model, both from scratch."""

    system: str = Field("base", description="Name that the policy is published under.")
    seed: int = Field(0, description="Seed of the weights and of the order of documents.")
    model: str = Field(
        "",
        description="A Hugging Face causal language model to take instead of training one: a hub "
        "name or a folder. Then only system counts, and nothing is trained.",
    )
    vocabulary: int = Field(
        4096, ge=258, description="Tokens, the 256 bytes and two special ones among them. Own."
    )
    hidden: int = Field(256, ge=4, description="Hidden size. Own: the paper has 2048 (1.3B).")
    layers: int = Field(4, ge=1, description="Layers. Own: the paper has 24 (1.3B).")
    heads: int = Field(4, ge=1, description="Attention heads. Own.")
    positions: int = Field(
        512, ge=8, description="Longest sequence, and the length of rows in training. Paper: 2k."
    )
    initializer_std: float = Field(
        0.02,
        gt=0,
        description="Standard deviation of the initial weights. GPT-2: 0.02; narrow models learn "
        "to copy from context sooner from wider ones (0.09 at a hidden size of 64).",
    )
    start: Literal["gpt2", "copying"] = Field(
        "gpt2",
        description="Initial weights. copying: positions as sinusoids, attention passes on what it "
        "attends to; narrow models then learn in-context copying at once. Own; see "
        "initialisation.py.",
    )
    steps: int = Field(1000, ge=1, description="Updates. Own.")
    batch_tokens: int = Field(8192, ge=8, description="Tokens an update, over all rows. Own.")
    short_share: float = Field(
        0.6,
        ge=0,
        lt=1,
        description="Share of the updates, the first ones, on rows of short_tokens: without them "
        "a small model may never learn to copy names in context. Own.",
    )
    short_tokens: int = Field(128, ge=4, description="Length of the short rows. Own.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate. Own.")
    final_learning_rate: float = Field(
        0.1, ge=0, le=1, description="Cosine's end, as a fraction of the peak (GPT-3: 0.1)."
    )
    warmup_share: float = Field(
        0.02, ge=0, lt=1, description="Share of the updates with linear warm-up. Own."
    )
    adam_betas: tuple[float, float] = Field(
        (0.9, 0.95), description="Adam's betas. Paper: 0.9 and 0.95."
    )
    adam_epsilon: float = Field(1e-8, gt=0, description="Adam's epsilon (GPT-3: 1e-8).")
    weight_decay: float = Field(0.1, ge=0, description="AdamW's decay (GPT-3: 0.1).")
    max_gradient_norm: float = Field(
        1.0, gt=0, description="Gradients are clipped to this norm (GPT-3: 1)."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of the matrix products (autocast); weights stay float32. Own."
    )
    checkpoint_every: int = Field(
        200, ge=0, description="Updates between checkpoints of the training state; 0: none. Own."
    )

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} is not a multiple of heads {self.heads}")
        if self.short_tokens > self.positions:
            raise ValueError(
                f"short_tokens {self.short_tokens} must be at most positions {self.positions}"
            )
        if self.batch_tokens < self.positions:
            raise ValueError(
                f"batch_tokens {self.batch_tokens} must hold a row of positions {self.positions}"
            )
        return self

    @property
    def short_steps(self) -> int:
        """Updates on short rows; the first ones."""
        return round(self.short_share * self.steps)

    def row_tokens(self, step: int) -> int:
        """Length of the rows of an update (counted from 0)."""
        return self.short_tokens if step < self.short_steps else self.positions
