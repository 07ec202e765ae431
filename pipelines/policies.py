"""PPO once for each policy that a run compares, two at a time.

A DAG of its own because KFP's local runner (2.17.0, ``create_parameter_loop_iteration_task_spec``)
puts the loop's item in the place of every input that is an outer step's output; inputs of a
nested DAG are not touched.
"""

from typing import List, NamedTuple  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.ppo.component import ppo


class Policies(NamedTuple):
    """References, one a config, in the configs' order."""

    policies: List[str]  # noqa: UP006
    samples: List[str]  # noqa: UP006
    histories: List[str]  # noqa: UP006


@dsl.pipeline(name="instructflow-policies")  # type: ignore[untyped-decorator]
def train_policies(
    configs: List[str],  # noqa: UP006
    policy: str,
    reward_model: str,
    prompts: str,
    pretraining: str,
) -> Policies:
    """Optimise the SFT policy once a config.

    Args:
        configs: PPO configs as JSON, one a policy.
        policy: Reference of the SFT policy.
        reward_model: Reference of the reward model.
        prompts: Reference of the ``prompts`` dataset.
        pretraining: Reference of the ``pretraining`` dataset.
    """
    with dsl.ParallelFor(items=configs, parallelism=2) as config:
        trained = ppo(
            config=config,
            policy=policy,
            reward_model=reward_model,
            prompts=prompts,
            pretraining=pretraining,
        )
    return Policies(
        dsl.Collected(trained.outputs["policy"]),
        dsl.Collected(trained.outputs["samples"]),
        dsl.Collected(trained.outputs["history"]),
    )
