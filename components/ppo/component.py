"""The KFP component."""

from typing import NamedTuple

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def ppo(
    config: str,
    policy: str,
    reward_model: str,
    prompts: str,
    pretraining: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("policy", str), ("samples", str), ("history", str)]):  # type: ignore[valid-type]
    """Optimise a policy against a reward model with PPO, mixing pretraining gradients in.

    Args:
        config: PPOConfig as JSON.
        policy: reference of the SFT policy.
        reward_model: reference of the reward model; the value model starts from it.
        prompts: reference of a prompts dataset with train and validation splits.
        pretraining: reference of a documents dataset, "" for plain PPO.
        manifest: the policy's manifest.
        metrics: headline figures.
        page: the stage's page.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.ppo.stage",
        config,
        {
            "policy": policy,
            "reward_model": reward_model,
            "prompts": prompts,
            "pretraining": pretraining,
        },
        manifest,
        metrics,
        page,
    )
    return (outputs["policy"], outputs["samples"], outputs["history"])
