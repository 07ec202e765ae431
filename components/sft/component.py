"""The KFP component."""

from typing import NamedTuple

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def sft(
    config: str,
    base: str,
    demonstrations: str,
    pretraining: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("policy", str)]):  # type: ignore[valid-type]
    """Tune a base policy on demonstrations.

    Args:
        config: SftConfig as JSON.
        base: reference of the base policy.
        demonstrations: reference of a demonstrations dataset.
        pretraining: reference of a pretraining dataset, or empty.
        manifest: the policy's manifest.
        metrics: headline figures.
        page: the stage's page.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.sft.stage",
        config,
        {"base": base, "demonstrations": demonstrations, "pretraining": pretraining},
        manifest,
        metrics,
        page,
    )
    return (outputs["policy"],)
