"""The KFP component."""

from typing import NamedTuple

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def pretraining(
    config: str,
    documents: str,
    base: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("policy", str)]):  # type: ignore[valid-type]
    """Train a tokenizer and a base model from scratch, or publish the one that is given.

    Args:
        config: PretrainingConfig as JSON.
        documents: reference of a pretraining dataset.
        base: reference of a published policy to take as it is, "" for none.
        manifest: the policy's manifest.
        metrics: headline figures.
        page: the stage's page.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.pretraining.stage",
        config,
        {"documents": documents, "base": base},
        manifest,
        metrics,
        page,
    )
    return (outputs["policy"],)
