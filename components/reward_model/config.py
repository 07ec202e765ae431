"""Config of the reward model's training. Values are the paper's unless the description says own."""

from pydantic import Field

from components.core.config import Config


class RewardModelConfig(Config):
    """K-wise training of a reward model from rankings (Ouyang et al. 2022, §3.5 and C.2)."""

    system: str = Field("reward_model", description="Name that the model is published under.")
    seed: int = Field(0, description="Seed of the head's start and of the data order.")
    epochs: int = Field(1, ge=1, description="Passes over the rankings. Paper: 1.")
    batch_size: int = Field(64, ge=1, description="Rankings (prompts) a step. Paper: 64.")
    learning_rate: float = Field(9e-6, gt=0, description="Peak learning rate. Paper: 9e-6.")
    final_learning_rate: float = Field(
        0.1, ge=0, le=1, description="Cosine's end, as a fraction of the peak. Paper: 0.1."
    )
    adam_betas: tuple[float, float] = Field(
        (0.9, 0.95), description="Adam's betas. Paper: 0.9 and 0.95."
    )
    adam_epsilon: float = Field(1e-8, gt=0, description="Adam's epsilon. Own: paper prints none.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decay. Own: paper prints none.")
    max_gradient_norm: float = Field(
        1.0, gt=0, description="Gradients are clipped to this norm. Own: paper prints none."
    )
    microbatch_tokens: int = Field(
        16384,
        ge=1,
        description="Most tokens in one forward pass; memory only, never the result. Own.",
    )
    pack_outputs: bool = Field(
        True,
        description="Run a prompt's tokens once for all of its outputs (own; same scores, checked "
        "at the start). Off: one row an output.",
    )
    max_tokens: int | None = Field(
        None,
        ge=2,
        description="Longest prompt with output, in tokens; null takes the model's positions. "
        "Longer outputs are left out and counted.",
    )
    heldout_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Share of prompts held out for accuracy where the rankings bring no other "
        "split than train. Own.",
    )
    checkpoint_every: int = Field(
        100, ge=0, description="Steps between checkpoints of the training state; 0: none. Own."
    )
