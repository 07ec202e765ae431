"""The KFP component."""

from typing import List, NamedTuple  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def promotion(
    config: str,
    policies: List[str],  # noqa: UP006
    report: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("release", str)]):  # type: ignore[valid-type]
    """Register the policy that the config names and set its alias, if the report allows it.

    Args:
        config: PromotionConfig as JSON.
        policies: references of policies, the one to promote among them.
        report: reference of the evaluation's report.
        manifest: the release's manifest.
        metrics: ``promoted``, 0 or 1.
        page: the decision.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.promotion.stage",
        config,
        {"policies": policies, "report": report},
        manifest,
        metrics,
        page,
    )
    return (outputs["release"],)
