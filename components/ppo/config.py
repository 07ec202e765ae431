"""Config of PPO and PPO-ptx. Values are the paper's unless the description says own."""

from typing import Literal, Self

from pydantic import Field, model_validator

from components.core.config import Config


class PPOConfig(Config):
    """PPO against a reward model, with a pretraining mix (Ouyang et al. 2022, §3.5)."""

    system: str = Field("ppo_ptx", description="Name that the policy is published under.")
    seed: int = Field(0, description="Seed of every random stream.")
    iterations: int = Field(
        500, ge=1, description="Rollouts. Paper: 256k episodes in batches of 512."
    )
    batch_size: int = Field(512, ge=1, description="Episodes a rollout. Paper: 512.")
    minibatch_size: int = Field(64, ge=1, description="Episodes an update. Paper: 64.")
    epochs: int = Field(1, ge=1, description="Passes over a rollout. Paper: 1.")
    microbatch_size: int = Field(
        16, ge=1, description="Episodes in one forward pass; memory only, never the result. Own."
    )
    rollout_batch_size: int = Field(
        128, ge=1, description="Prompts that are sampled at once; memory and speed. Own."
    )
    max_new_tokens: int = Field(
        1024, ge=1, description="Longest response, in tokens. Paper: at most 1k."
    )
    temperature: float = Field(1.0, gt=0, description="Sampling temperature. Paper: 1.")
    missing_eos_penalty: float = Field(
        1.0,
        ge=0,
        description="Taken off the score of a response that was cut off before EOS. Own: the "
        "paper is silent.",
    )
    kl_coefficient: float = Field(
        0.02, ge=0, description="beta of the per-token KL to the SFT policy. Paper: 0.02."
    )
    ptx_coefficient: float = Field(
        27.8,
        ge=0,
        description="gamma of the pretraining loss; 0 is plain PPO. Paper: 27.8, in its units (see "
        "ptx_normalisation).",
    )
    ptx_examples_per_episode: float = Field(
        8.0, ge=0, description="Pretraining examples for each episode of a minibatch. Paper: 8."
    )
    ptx_normalisation: Literal["token", "sequence"] = Field(
        "token",
        description="Pretraining loss as a mean over tokens, like the policy's, or as a sum over "
        "tokens and mean over examples. Own: the paper does not say which one 27.8 is for.",
    )
    ptx_max_tokens: int | None = Field(
        None,
        ge=2,
        description="Longest pretraining example; a longer document gives a random window. Null: "
        "the model's positions.",
    )
    learning_rate: float = Field(
        5e-6,
        gt=0,
        description="Policy's peak. Own: the paper swept 2.55e-6 to 2.55e-5; above 8.05e-6 "
        "diverged without ptx.",
    )
    value_learning_rate: float = Field(
        9e-6, gt=0, description="Value model's peak. Paper: 9e-6 (1.3B, 6B), 5e-6 (175B)."
    )
    warmup_iterations: int = Field(
        10, ge=0, description="Iterations of linear warm-up, constant after. Paper: 10."
    )
    warmup_start: float = Field(
        0.1, gt=0, le=1, description="Warm-up's start, as a fraction of the peak. Paper: 0.1."
    )
    adam_betas: tuple[float, float] = Field(
        (0.9, 0.95), description="Adam's betas. Paper: 0.9 and 0.95."
    )
    adam_epsilon: float = Field(1e-8, gt=0, description="Adam's epsilon. Own: paper prints none.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decay. Own: paper prints none.")
    max_gradient_norm: float = Field(
        1.0, gt=0, description="Gradients are clipped to this norm. Own: paper prints none."
    )
    clip: float = Field(0.2, gt=0, lt=1, description="Clip of the importance ratio. Paper: 0.2.")
    value_clip: float | None = Field(
        0.2, gt=0, description="Clip of the value's move; null: off. Own: paper prints none."
    )
    gamma: float = Field(1.0, gt=0, le=1, description="Discount. Paper: 1.")
    gae_lambda: float = Field(
        0.95, ge=0, le=1, description="GAE's lambda. Own: second-hand, paper prints none."
    )
    whiten_rewards: bool = Field(
        False, description="Scale rewards to unit variance, mean kept. Own: paper prints none."
    )
    ema_decay: float = Field(
        0.992,
        ge=0,
        lt=1,
        description="Decay of the moving average of policy weights, which is what is published. "
        "Paper: 0.992; own: applied at every update.",
    )
    old_logprobs: Literal["sampler", "recomputed"] = Field(
        "sampler",
        description="Old log-probabilities: the sampler's own, or from one more forward pass (for "
        "low precision). Own.",
    )
    ratio_tolerance: float = Field(
        1e-3,
        gt=0,
        description="Stop when a ratio of an iteration's first minibatch is further from 1: the "
        "sampler and the update then compute different policies. Own.",
    )
    negative_kl_limit: float = Field(
        1.0,
        gt=0,
        description="Stop when the mean KL of an episode stays below minus this (nats) for five "
        "iterations: log-probabilities are then wrong. Own.",
    )
    sample_every: int = Field(
        10, ge=1, description="Iterations between samples on the fixed validation prompts. Own."
    )
    sample_prompts: int = Field(64, ge=1, description="Validation prompts that are sampled. Own.")
    checkpoint_every: int = Field(
        25, ge=0, description="Iterations between checkpoints of the training state; 0: none. Own."
    )

    @property
    def minibatches(self) -> int:
        """Updates in one pass over a rollout."""
        return self.batch_size // self.minibatch_size

    @property
    def ptx_rows(self) -> int:
        """Pretraining examples in one update; 0 without a coefficient."""
        if self.ptx_coefficient == 0:
            return 0
        return max(1, round(self.ptx_examples_per_episode * self.minibatch_size))

    @model_validator(mode="after")
    def _whole_minibatches(self) -> Self:
        if self.batch_size % self.minibatch_size:
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of minibatch_size "
                f"{self.minibatch_size}"
            )
        return self
