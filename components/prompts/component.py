"""The KFP component."""

from typing import NamedTuple

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def prompts(
    config: str,
    raw_prompts: str,
    policy: str,
    earlier: str,
    previous_audit: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple(  # type: ignore[valid-type]
    "Outputs", [("prompts", str), ("rejects", str), ("signatures", str), ("audit", str)]
):
    """Deduplicate raw prompts, free them of PII, cap them per user, split them by user.

    Args:
        config: PromptsConfig as JSON.
        raw_prompts: reference of a raw_prompts dataset.
        policy: reference of a policy whose tokenizer counts tokens, "" for an estimate.
        earlier: reference of the signatures of earlier rounds, "" where there are none.
        previous_audit: reference of the last round's audit, "" where there is none.
        manifest: the outputs' manifests.
        metrics: headline figures.
        page: the funnel.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.prompts.stage",
        config,
        {
            "raw_prompts": raw_prompts,
            "policy": policy,
            "earlier": earlier,
            "previous_audit": previous_audit,
        },
        manifest,
        metrics,
        page,
    )
    return (outputs["prompts"], outputs["rejects"], outputs["signatures"], outputs["audit"])
