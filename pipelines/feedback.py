"""What labelers sent back becomes the next round's data, and decides on the candidate."""

from typing import List  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.evaluation.component import evaluation as evaluate
from components.human_eval.component import human_eval_import
from components.promotion.component import promotion as promote


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
        tasks: Reference of the exported ``tasks`` dataset.
        key: Reference of its ``key``.
        prompts_dataset: Reference of the ``prompts`` dataset that the tasks came from.
        labels: References of published Label Studio exports.
        documents: Reference of the ``pretraining`` dataset, for the public tasks.
        policies: References of the systems that the tasks compare.
        systems_import: Config of the import, as JSON; so are the others.
        evaluation: Win rates, public tasks, report.
        promotion: The gate and the registry.

    Returns:
        Reference of the report.
    """
    returned = human_eval_import(
        config=systems_import, tasks=tasks, key=key, prompts=prompts_dataset, labels=labels
    )
    report = evaluate(
        config=evaluation,
        ratings=returned.outputs["ratings"],
        rankings=returned.outputs["rankings"],
        reward_model="",
        pretraining=documents,
        prompts=prompts_dataset,
        tasks=tasks,
        key=key,
        policies=policies,
        more_policies=[],
        samples=[],
        histories=[],
        gold="",
    )
    promote(config=promotion, policies=policies, report=report.outputs["report"])
    return report.outputs["report"]  # type: ignore[no-any-return]
