"""Preparation of prompts by itself: for a weekly schedule, and for who answers for the data."""

from kfp import dsl

from components.prompts.component import prompts as prepare_prompts
from pipelines.resolve import resolve


@dsl.pipeline(name="instructflow-prompts")  # type: ignore[untyped-decorator]
def prompts(
    raw_prompts: str,
    earlier: str,
    previous_audit: str,
    policy: str,
    prompts: str,
) -> str:
    """Deduplicate raw prompts, free them of PII, cap and split them by user, and report on it.

    Args:
        raw_prompts: Reference of a ``raw_prompts`` dataset, or ``latest``.
        earlier: Reference of a ``signatures`` dataset, ``latest``, ``latest-or-none``, or empty:
            prompts that those rounds published are dropped.
        previous_audit: The same for the audit of the last round's prompts:
            this round's are compared with it.
        policy: Reference of the policy whose tokenizer counts tokens, or empty for an estimate.
        prompts: Config of the stage, as JSON.

    Returns:
        Reference of the audit.
    """
    given = resolve(
        raw_prompts=raw_prompts,
        demonstrations="",
        documents="",
        rankings="",
        earlier=earlier,
        previous_audit=previous_audit,
        base=policy,
    ).set_caching_options(False)
    prepared = prepare_prompts(
        config=prompts,
        raw_prompts=given.outputs["raw_prompts"],
        policy=given.outputs["base"],
        earlier=given.outputs["earlier"],
        previous_audit=given.outputs["previous_audit"],
    )
    return prepared.outputs["audit"]  # type: ignore[no-any-return]
