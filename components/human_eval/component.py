"""The KFP components."""

from typing import List, NamedTuple  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def human_eval_export(
    config: str,
    prompts: str,
    demonstrations: str,
    policies: List[str],  # noqa: UP006
    more_policies: List[str],  # noqa: UP006
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("tasks", str), ("key", str), ("export", str), ("rejects", str)]):  # type: ignore[valid-type]
    """Sample outputs of policies and make blind labeling tasks of them.

    Args:
        config: ExportConfig as JSON.
        prompts: reference of a prompts dataset.
        demonstrations: reference of a demonstrations dataset, "" where no system is prompted.
        policies: references of policies; each is a system under its own name.
        more_policies: further references of policies.
        manifest: manifests of all outputs.
        metrics: headline figures.
        page: the stage's page.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.human_eval.export_stage",
        config,
        {
            "prompts": prompts,
            "demonstrations": demonstrations,
            "policies": policies,
            "more_policies": more_policies,
        },
        manifest,
        metrics,
        page,
    )
    return (outputs["tasks"], outputs["key"], outputs["export"], outputs["rejects"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def human_eval_import(
    config: str,
    tasks: str,
    key: str,
    prompts: str,
    labels: List[str],  # noqa: UP006
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("rankings", str), ("ratings", str), ("rejects", str)]):  # type: ignore[valid-type]
    """Read Label Studio exports strictly and unblind them.

    Args:
        config: ImportConfig as JSON.
        tasks: reference of the exported tasks.
        key: reference of their key.
        prompts: reference of the prompts dataset (for splits), or "".
        labels: references of published Label Studio exports.
        manifest: manifests of all outputs.
        metrics: headline figures.
        page: the stage's page.
    """
    from components.core.launch import run_component

    outputs = run_component(
        "components.human_eval.import_stage",
        config,
        {"tasks": tasks, "key": key, "prompts": prompts, "labels": labels},
        manifest,
        metrics,
        page,
    )
    return (outputs["rankings"], outputs["ratings"], outputs["rejects"])
