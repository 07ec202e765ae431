"""The whole paper in miniature: ``rlhf`` and ``feedback`` joined, with simulated labelers."""

from typing import List  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.evaluation.component import evaluation as evaluate
from components.human_eval.component import human_eval_export, human_eval_import
from components.pretraining.component import pretraining as pretrain
from components.promotion.component import promotion as promote
from components.prompts.component import prompts as prepare_prompts
from components.reward_model.component import reward_model as train_reward_model
from components.sandbox.component import sandbox_gold, sandbox_labelers
from components.sandbox.component import sandbox_world as make_world
from components.sft.component import sft as tune
from pipelines.policies import train_policies


@dsl.pipeline(name="instructflow-quickstart")  # type: ignore[untyped-decorator]
def quickstart(
    sandbox_world: str,
    training_labelers: str,
    heldout_labelers: str,
    gold: str,
    pretraining: str,
    prompts: str,
    sft: str,
    comparisons: str,
    comparisons_import: str,
    reward_model: str,
    policies: List[str],  # noqa: UP006
    comparison_of_systems: str,
    systems_import: str,
    evaluation: str,
    promotion: str,
) -> str:
    """World, base model, the three steps of the paper, blind evaluation, report, candidate.

    Args:
        sandbox_world: Config of the stage, as JSON; so are all others.
        training_labelers: Those who rank the comparisons.
        heldout_labelers: Those who judge the final systems.
        gold: Scores that only a made-up world can give.
        pretraining: The base model.
        prompts: Preparation of prompts.
        sft: Supervised tuning on demonstrations.
        comparisons: What is sampled and exported for ranking.
        comparisons_import: How the labels come back.
        reward_model: The reward model.
        policies: One PPO config a policy.
        comparison_of_systems: What is sampled and exported for evaluation.
        systems_import: How those labels come back.
        evaluation: Win rates, public tasks, report.
        promotion: The gate and the registry.

    Returns:
        Reference of the report.
    """
    world = make_world(config=sandbox_world)
    base = pretrain(config=pretraining, documents=world.outputs["pretraining"], base="")
    prepared = prepare_prompts(
        config=prompts,
        raw_prompts=world.outputs["raw_prompts"],
        policy=base.outputs["policy"],
        earlier="",
        previous_audit="",
    )
    tuned = tune(
        config=sft,
        base=base.outputs["policy"],
        demonstrations=world.outputs["demonstrations"],
        pretraining=world.outputs["pretraining"],
    )
    # Step 2 of the paper: K outputs of the SFT policy a prompt, ranked, and a model of the ranks.
    drawn = human_eval_export(
        config=comparisons,
        prompts=prepared.outputs["prompts"],
        demonstrations=world.outputs["demonstrations"],
        policies=[tuned.outputs["policy"]],
        more_policies=[],
    )
    ranked = sandbox_labelers(config=training_labelers, tasks=drawn.outputs["tasks"])
    compared = human_eval_import(
        config=comparisons_import,
        tasks=drawn.outputs["tasks"],
        key=drawn.outputs["key"],
        prompts=prepared.outputs["prompts"],
        labels=[ranked.outputs["labels"]],
    )
    rewarded = train_reward_model(
        config=reward_model,
        policy=tuned.outputs["policy"],
        rankings=compared.outputs["rankings"],
        demonstrations=world.outputs["demonstrations"],
    )
    # Step 3: PPO against it, once for each policy that is compared.
    optimised = train_policies(
        configs=policies,
        policy=tuned.outputs["policy"],
        reward_model=rewarded.outputs["reward_model"],
        prompts=prepared.outputs["prompts"],
        pretraining=world.outputs["pretraining"],
    )
    # Blind evaluation of every system by labelers who trained none of them.
    shown = human_eval_export(
        config=comparison_of_systems,
        prompts=prepared.outputs["prompts"],
        demonstrations=world.outputs["demonstrations"],
        policies=[base.outputs["policy"], tuned.outputs["policy"]],
        more_policies=optimised.outputs["policies"],
    )
    judged = sandbox_labelers(config=heldout_labelers, tasks=shown.outputs["tasks"])
    scored = sandbox_gold(
        config=gold,
        tasks=shown.outputs["tasks"],
        samples=optimised.outputs["samples"],
    )
    returned = human_eval_import(
        config=systems_import,
        tasks=shown.outputs["tasks"],
        key=shown.outputs["key"],
        prompts=prepared.outputs["prompts"],
        labels=[judged.outputs["labels"]],
    )
    report = evaluate(
        config=evaluation,
        ratings=returned.outputs["ratings"],
        rankings=returned.outputs["rankings"],
        reward_model=rewarded.outputs["reward_model"],
        pretraining=world.outputs["pretraining"],
        prompts=prepared.outputs["prompts"],
        tasks=shown.outputs["tasks"],
        key=shown.outputs["key"],
        policies=[base.outputs["policy"], tuned.outputs["policy"]],
        more_policies=optimised.outputs["policies"],
        samples=optimised.outputs["samples"],
        histories=optimised.outputs["histories"],
        gold=scored.outputs["gold"],
    )
    promote(
        config=promotion,
        policies=optimised.outputs["policies"],
        report=report.outputs["report"],
    )
    return report.outputs["report"]  # type: ignore[no-any-return]
