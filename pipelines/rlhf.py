"""The training loop on published data: prompts, SFT, reward model, PPO-ptx, report, export."""

from typing import List  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.evaluation.component import evaluation as evaluate
from components.human_eval.component import human_eval_export
from components.pretraining.component import pretraining as pretrain
from components.promotion.component import promotion as promote
from components.prompts.component import prompts as prepare_prompts
from components.reward_model.component import reward_model as train_reward_model
from components.sft.component import sft as tune
from pipelines.policies import train_policies
from pipelines.resolve import resolve


@dsl.pipeline(name="instructflow-rlhf")  # type: ignore[untyped-decorator]
def rlhf(
    raw_prompts: str,
    demonstrations: str,
    documents: str,
    rankings: str,
    earlier: str,
    previous_audit: str,
    base: str,
    pretraining: str,
    prompts: str,
    sft: str,
    comparisons: str,
    reward_model: str,
    policies: List[str],  # noqa: UP006
    comparison_of_systems: str,
    evaluation: str,
    promotion: str,
) -> str:
    """One round of the loop.

    Without rankings it ends with a report on SFT and tasks for labelers, drawn from the SFT policy;
    with them it goes on to the reward model, PPO, and the tasks that compare the systems.

    Args:
        raw_prompts: Reference of a ``raw_prompts`` dataset, or ``latest``.
        demonstrations: Reference of a ``demonstrations`` dataset, or ``latest``.
        documents: Reference of a ``pretraining`` dataset, or ``latest``.
        rankings: Reference of a ``rankings`` dataset, ``latest``, or empty where none exist yet;
            ``latest-or-none`` is the one or the other.
        earlier: Reference of a ``signatures`` dataset, ``latest``, ``latest-or-none``, or empty:
            prompts that those rounds published are not used again.
        previous_audit: The same for the audit of the last round's prompts:
            this round's are compared with it.
        base: Reference of a published policy to start from, or empty to make one.
        pretraining: Config of the stage, as JSON; so are all others.
        prompts: Preparation of prompts.
        sft: Supervised tuning on demonstrations.
        comparisons: What is sampled from the SFT policy and exported for ranking.
        reward_model: The reward model.
        policies: One PPO config a policy.
        comparison_of_systems: What is sampled and exported for evaluation.
        evaluation: Public tasks, reward of each system, report.
        promotion: The gate and the registry.

    Returns:
        Reference of the report.
    """
    given = resolve(
        raw_prompts=raw_prompts,
        demonstrations=demonstrations,
        documents=documents,
        rankings=rankings,
        earlier=earlier,
        previous_audit=previous_audit,
        base=base,
    ).set_caching_options(False)
    start = pretrain(
        config=pretraining, documents=given.outputs["documents"], base=given.outputs["base"]
    )
    prepared = prepare_prompts(
        config=prompts,
        raw_prompts=given.outputs["raw_prompts"],
        policy=start.outputs["policy"],
        earlier=given.outputs["earlier"],
        previous_audit=given.outputs["previous_audit"],
    )
    tuned = tune(
        config=sft,
        base=start.outputs["policy"],
        demonstrations=given.outputs["demonstrations"],
        pretraining=given.outputs["documents"],
    )
    human_eval_export(
        config=comparisons,
        prompts=prepared.outputs["prompts"],
        demonstrations=given.outputs["demonstrations"],
        policies=[tuned.outputs["policy"]],
        more_policies=[],
    )
    with dsl.If(given.outputs["rankings"] != ""):
        rewarded = train_reward_model(
            config=reward_model,
            policy=tuned.outputs["policy"],
            rankings=given.outputs["rankings"],
            demonstrations=given.outputs["demonstrations"],
        )
        optimised = train_policies(
            configs=policies,
            policy=tuned.outputs["policy"],
            reward_model=rewarded.outputs["reward_model"],
            prompts=prepared.outputs["prompts"],
            pretraining=given.outputs["documents"],
        )
        shown = human_eval_export(
            config=comparison_of_systems,
            prompts=prepared.outputs["prompts"],
            demonstrations=given.outputs["demonstrations"],
            policies=[start.outputs["policy"], tuned.outputs["policy"]],
            more_policies=optimised.outputs["policies"],
        )
        report = evaluate(
            config=evaluation,
            ratings="",
            rankings="",
            reward_model=rewarded.outputs["reward_model"],
            pretraining=given.outputs["documents"],
            prompts=prepared.outputs["prompts"],
            tasks=shown.outputs["tasks"],
            key=shown.outputs["key"],
            policies=[start.outputs["policy"], tuned.outputs["policy"]],
            more_policies=optimised.outputs["policies"],
            samples=optimised.outputs["samples"],
            histories=optimised.outputs["histories"],
            gold="",
        )
        promote(
            config=promotion,
            policies=optimised.outputs["policies"],
            report=report.outputs["report"],
        )
    with dsl.Else():
        early = evaluate(
            config=evaluation,
            ratings="",
            rankings="",
            reward_model="",
            pretraining=given.outputs["documents"],
            prompts=prepared.outputs["prompts"],
            tasks="",
            key="",
            policies=[start.outputs["policy"], tuned.outputs["policy"]],
            more_policies=[],
            samples=[],
            histories=[],
            gold="",
        )
    return dsl.OneOf(report.outputs["report"], early.outputs["report"])  # type: ignore[no-any-return]
