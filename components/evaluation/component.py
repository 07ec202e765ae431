"""The KFP component."""

from typing import List, NamedTuple  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def evaluation(
    config: str,
    ratings: str,
    rankings: str,
    reward_model: str,
    pretraining: str,
    prompts: str,
    tasks: str,
    key: str,
    policies: List[str],  # noqa: UP006
    more_policies: List[str],  # noqa: UP006
    samples: List[str],  # noqa: UP006
    histories: List[str],  # noqa: UP006
    gold: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("report", str)]):  # type: ignore[valid-type]
    """Measure policies by people, held-out documents and the reward model, and report.

    Any input but the policies may be empty; the report holds what the others allow.

    Args:
        config: EvaluationConfig as JSON.
        ratings: reference of the labelers' ratings of the systems.
        rankings: reference of their rankings.
        reward_model: reference of the reward model.
        pretraining: reference of a documents dataset; its test split makes the public tasks.
        prompts: reference of a prompts dataset, to draw outputs for where no tasks are given.
        tasks: reference of the blind tasks that compared the systems.
        key: reference of their key.
        policies: references of policies.
        more_policies: further references of policies.
        samples: references of PPO's samples.
        histories: references of PPO's histories.
        gold: reference of gold scores of outputs and samples.
        manifest: the report's manifest.
        metrics: headline figures.
        page: the report.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.evaluation.stage",
        config,
        {
            "ratings": ratings,
            "rankings": rankings,
            "reward_model": reward_model,
            "pretraining": pretraining,
            "prompts": prompts,
            "tasks": tasks,
            "key": key,
            "policies": policies,
            "more_policies": more_policies,
            "samples": samples,
            "histories": histories,
            "gold": gold,
        },
        manifest,
        metrics,
        page,
    )
    return (outputs["report"],)
