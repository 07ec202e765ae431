"""The KFP components."""

from typing import List, NamedTuple  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def sandbox_world(
    config: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple(  # type: ignore[valid-type]
    "Outputs",
    [("raw_prompts", str), ("demonstrations", str), ("pretraining", str), ("truth", str)],
):
    """Write the small made-up world: prompts, demonstrations, documents, and what was planted.

    Args:
        config: WorldConfig as JSON.
        manifest: manifests of what was published.
        metrics: headline figures.
        page: the world's facts and some demonstrations.
    """
    from components.core.launch import run_component

    outputs = run_component("components.sandbox.world_stage", config, {}, manifest, metrics, page)
    return (
        outputs["raw_prompts"],
        outputs["demonstrations"],
        outputs["pretraining"],
        outputs["truth"],
    )


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def sandbox_labelers(
    config: str,
    tasks: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("labels", str)]):  # type: ignore[valid-type]
    """Let simulated labelers answer blind tasks in Label Studio's export format.

    Args:
        config: LabelersConfig as JSON.
        tasks: reference of a tasks dataset.
        manifest: the labels' manifest.
        metrics: headline figures.
        page: the stage's page.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.sandbox.labelers_stage", config, {"tasks": tasks}, manifest, metrics, page
    )
    return (outputs["labels"],)


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def sandbox_gold(
    config: str,
    tasks: str,
    samples: List[str],  # noqa: UP006
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("gold", str)]):  # type: ignore[valid-type]
    """Score the outputs of tasks and the samples of PPO with the made-up world's gold score.

    Args:
        config: GoldConfig as JSON.
        tasks: reference of a tasks dataset, or empty.
        samples: references of samples datasets.
        manifest: the scores' manifest.
        metrics: headline figures.
        page: the stage's page.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.sandbox.gold_stage",
        config,
        {"tasks": tasks, "samples": samples},
        manifest,
        metrics,
        page,
    )
    return (outputs["gold"],)
