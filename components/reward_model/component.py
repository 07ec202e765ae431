"""The KFP component."""

from typing import NamedTuple

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def reward_model(
    config: str,
    policy: str,
    rankings: str,
    demonstrations: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("reward_model", str)]):  # type: ignore[valid-type]
    """Train a reward model from rankings of K outputs.

    Args:
        config: RewardModelConfig as JSON.
        policy: reference of the SFT policy whose trunk and tokenizer it starts from.
        rankings: reference of a rankings dataset.
        demonstrations: reference of a demonstrations dataset; they score 0 on average.
        manifest: the reward model's manifest.
        metrics: headline figures.
        page: the stage's page.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.reward_model.stage",
        config,
        {"policy": policy, "rankings": rankings, "demonstrations": demonstrations},
        manifest,
        metrics,
        page,
    )
    return (outputs["reward_model"],)
