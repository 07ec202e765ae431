"""Config of the promotion."""

import re
from typing import Literal

from pydantic import Field, field_validator

from components.core.config import Config


class PromotionConfig(Config):
    """Which policy may become the candidate, and what it has to show."""

    policy: str = Field(
        default="ppo_ptx", description="Name of the policy to promote, if it is given."
    )
    model_name: str = Field(
        default="policy", min_length=1, description="Registered model in MLflow."
    )
    alias: str = Field(
        default="candidate",
        pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$",
        description="Alias that moves to the policy; 'latest' and 'v1' are MLflow's own.",
    )
    gate: Literal["win_rate", "report"] = Field(
        default="win_rate",
        description="win_rate: people have to prefer it to the report's baseline; report: a report "
        "on this very policy is enough (no labels have come back yet).",
    )
    minimum_win_rate: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="The lower end of the win rate's interval has to lie above this.",
    )

    @field_validator("alias")
    @classmethod
    def _not_mlflows_own(cls, alias: str) -> str:
        if re.fullmatch(r"latest|v\d+", alias):
            raise ValueError("'latest' and 'v1', 'v2', ... are reserved by MLflow")
        return alias
