"""Everything that can be set for a pipeline run: one section a stage, no default of its own.

The defaults stand in the stages' ``config.py``. A section becomes one JSON string, the stage's
``config`` parameter in KFP.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, JsonValue, model_validator

from components.core.config import Config, canonical_json
from components.evaluation.config import EvaluationConfig
from components.human_eval.config import ExportConfig, ImportConfig
from components.ppo.config import PPOConfig
from components.pretraining.config import PretrainingConfig
from components.promotion.config import PromotionConfig
from components.prompts.config import PromptsConfig
from components.reward_model.config import RewardModelConfig
from components.sandbox.config import GoldConfig, LabelersConfig, WorldConfig
from components.sft.config import SftConfig


class PipelineConfig(Config):
    """The config of a pipeline run."""

    seed: int = Field(0, description="Seed of every stage that does not set its own.")
    sandbox_world: WorldConfig = Field(default_factory=WorldConfig)
    training_labelers: LabelersConfig = Field(
        default_factory=LabelersConfig, description="Who rank the comparisons."
    )
    heldout_labelers: LabelersConfig = Field(
        default_factory=LabelersConfig, description="Who judge the final systems."
    )
    sandbox_gold: GoldConfig = Field(default_factory=GoldConfig)
    pretraining: PretrainingConfig = Field(default_factory=PretrainingConfig)
    prompts: PromptsConfig = Field(default_factory=PromptsConfig)
    sft: SftConfig = Field(default_factory=SftConfig)
    comparisons: ExportConfig = Field(
        default_factory=ExportConfig, description="K outputs of the SFT policy, to be ranked."
    )
    comparisons_import: ImportConfig = Field(default_factory=ImportConfig)
    reward_model: RewardModelConfig = Field(default_factory=RewardModelConfig)
    ppo: PPOConfig = Field(default_factory=PPOConfig, description="Shared by all policies.")
    policies: dict[str, dict[str, JsonValue]] = Field(
        {"ppo_ptx": {}},
        description="The policies to train: name -> what differs from section ppo.",
    )
    comparison_of_systems: ExportConfig = Field(
        default_factory=ExportConfig, description="One output of each system, to be ranked."
    )
    systems_import: ImportConfig = Field(default_factory=ImportConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    promotion: PromotionConfig = Field(default_factory=PromotionConfig)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], at: str = "") -> Self:
        """Read plain values; a section that has a seed and says none gets the pipeline's."""
        shared = dict(values)
        for name, field in cls.model_fields.items():
            section = field.annotation
            given = shared.get(name, {})
            if (
                "seed" in values
                and isinstance(given, Mapping)
                and isinstance(section, type)
                and issubclass(section, Config)
                and "seed" in section.model_fields
            ):
                shared[name] = {"seed": values["seed"], **given}
        return super().from_mapping(shared, at)

    @model_validator(mode="after")
    def _policies_are_valid(self) -> Self:
        self.policy_configs()
        return self

    def policy_configs(self) -> list[PPOConfig]:
        """One config a policy: section ``ppo``, what differs, and the policy's name."""
        shared = self.ppo.model_dump(mode="json")
        return [
            PPOConfig.from_mapping({**shared, **differs, "system": name}, f"policies.{name}")
            for name, differs in self.policies.items()
        ]

    def policy_json(self) -> list[str]:
        """The same as JSON strings, for KFP's loop."""
        return [config.canonical_json() for config in self.policy_configs()]

    def section_json(self, name: str) -> str:
        """One section as the JSON string that its stage takes."""
        section = getattr(self, name)
        return canonical_json(section.model_dump(mode="json"))
