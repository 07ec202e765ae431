"""What labelers sent back becomes the next round's data, and decides on the candidate."""

from typing import List  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.evaluation.component import evaluation as evaluate
from components.human_eval.component import human_eval_import
from components.promotion.component import promotion as promote
from pipelines.resolve import resolve_feedback


@dsl.pipeline(name="instructflow-feedback")  # type: ignore[untyped-decorator]
def feedback(
    tasks: str,
    key: str,
    prompts_dataset: str,
    labels: List[str],  # noqa: UP006
    documents: str,
    policies: List[str],  # noqa: UP006
    systems_import: str,
    evaluation: str,
    promotion: str,
) -> str:
    """Import labels strictly, publish rankings and ratings, report, gate.

    Args:
        tasks: Reference of the exported ``tasks`` dataset, a name, or ``latest``.
        key: Reference of its ``key``; empty takes the one that was exported with it.
        prompts_dataset: Reference of the ``prompts`` dataset; empty takes that of the tasks.
        labels: References of published Label Studio exports, or ``latest``.
        documents: Reference of the ``pretraining`` dataset, for the public tasks, or ``latest``.
        policies: References of the systems that the tasks compare; none takes those of the tasks.
        systems_import: Config of the import, as JSON; so are the others.
        evaluation: Win rates, public tasks, report.
        promotion: The gate and the registry.

    Returns:
        Reference of the report.
    """
    given = resolve_feedback(
        tasks=tasks,
        key=key,
        prompts=prompts_dataset,
        documents=documents,
        labels=labels,
        policies=policies,
    ).set_caching_options(False)
    returned = human_eval_import(
        config=systems_import,
        tasks=given.outputs["tasks"],
        key=given.outputs["key"],
        prompts=given.outputs["prompts"],
        labels=given.outputs["labels"],
    )
    report = evaluate(
        config=evaluation,
        ratings=returned.outputs["ratings"],
        rankings=returned.outputs["rankings"],
        reward_model="",
        pretraining=given.outputs["documents"],
        prompts=given.outputs["prompts"],
        tasks=given.outputs["tasks"],
        key=given.outputs["key"],
        policies=given.outputs["policies"],
        more_policies=[],
        samples=[],
        histories=[],
        gold="",
    )
    promote(config=promotion, policies=given.outputs["policies"], report=report.outputs["report"])
    return report.outputs["report"]  # type: ignore[no-any-return]
