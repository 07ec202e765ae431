"""Config of supervised fine-tuning. Values are the paper's unless the description says own."""

from pydantic import Field

from components.core.config import Config


class SftConfig(Config):
    """Tuning on demonstrations (Ouyang et al. 2022, §3.5 and C.1)."""

    system: str = Field("sft", description="Name that the policy is published under.")
    seed: int = Field(0, description="Seed of the data order, the dropout and the validation set.")
    epochs: int = Field(16, ge=1, description="Passes over the demonstrations. Paper: 16.")
    batch_size: int = Field(
        32, ge=1, description="Demonstrations an update. Paper: 32 (1.3B, 6B), 8 (175B)."
    )
    learning_rate: float = Field(
        9.65e-6, gt=0, description="Peak. Paper: 9.65e-6 (1.3B, 6B), 5.03e-6 (175B)."
    )
    final_learning_rate: float = Field(
        0.1, ge=0, le=1, description="Cosine's end, as a fraction of the peak. Paper: 0.1."
    )
    residual_dropout: float = Field(
        0.2, ge=0, lt=1, description="Dropout behind attention and feed-forward. Paper: 0.2."
    )
    adam_betas: tuple[float, float] = Field(
        (0.9, 0.95), description="Adam's betas. Paper: 0.9 and 0.95."
    )
    adam_epsilon: float = Field(1e-8, gt=0, description="Adam's epsilon. Own: paper prints none.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decay. Own: paper prints none.")
    max_gradient_norm: float = Field(
        1.0, gt=0, description="Gradients are clipped to this norm. Own: paper prints none."
    )
    microbatch_size: int = Field(
        32, ge=1, description="Rows in one forward pass; memory only, never the loss. Own."
    )
    max_tokens: int | None = Field(
        None,
        ge=2,
        description="Longest prompt with completion, in tokens; null takes the model's positions. "
        "Longer demonstrations are left out and counted.",
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Share of the demonstrations that judge the epochs. Own: the paper splits by "
        "user before (9:1 here too).",
    )
    pretraining_mix: float = Field(
        0.0,
        ge=0,
        description="Pretraining documents for each demonstration of an update. Paper: 0 for its "
        "SFT models, 0.1 for the policy that RL starts from.",
    )
    checkpoint_every: int = Field(
        50, ge=0, description="Updates between checkpoints of the training state; 0: none. Own."
    )
