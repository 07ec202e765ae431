"""The first step of a pipeline that takes references from outside: ``latest`` becomes a digest.

It never comes from the cache, so a scheduled run sees today's data; all later steps are keyed by
what it found, so they may.
"""

from typing import List, NamedTuple  # noqa: UP035  KFP reads the annotation

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def resolve(
    raw_prompts: str,
    demonstrations: str,
    pretraining: str,
    rankings: str,
    signatures: str,
    previous_audit: str,
    base: str,
) -> NamedTuple(  # type: ignore[valid-type]
    "Resolved",
    [
        ("raw_prompts", str),
        ("demonstrations", str),
        ("pretraining", str),
        ("rankings", str),
        ("signatures", str),
        ("previous_audit", str),
        ("base", str),
    ],
):
    """Turn each of the references that says ``latest`` into one with a digest.

    Args:
        raw_prompts: Reference or ``latest``.
        demonstrations: Reference or ``latest``.
        pretraining: Reference or ``latest``.
        rankings: Reference, ``latest``, or empty where none exist yet.
        signatures: Those of earlier rounds: the same.
        previous_audit: That of the last round's prompts: the same.
        base: Reference of a published policy, ``latest``, or empty to make one.
    """
    from components.core.launch import resolve_references

    return resolve_references(
        {
            "raw_prompts": ("dataset", raw_prompts),
            "demonstrations": ("dataset", demonstrations),
            "pretraining": ("dataset", pretraining),
            "rankings": ("dataset", rankings),
            "signatures": ("dataset", signatures),
            "prompts-audit": ("report", previous_audit),
            "base": ("policy", base),
        }
    )


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def resolve_feedback(
    tasks: str,
    key: str,
    prompts: str,
    documents: str,
    labels: List[str],  # noqa: UP006
    policies: List[str],  # noqa: UP006
) -> NamedTuple(  # type: ignore[valid-type]
    "Resolved",
    [
        ("tasks", str),
        ("key", str),
        ("prompts", str),
        ("documents", str),
        ("labels", List[str]),  # noqa: UP006
        ("policies", List[str]),  # noqa: UP006
    ],
):
    """The same for labels that came back, with what belongs to their tasks.

    Args:
        tasks: Reference, name or ``latest``.
        key: The same, or empty for the one that was exported with the tasks.
        prompts: The same, or empty for those that the tasks came from.
        documents: Reference or ``latest``.
        labels: References or ``latest``.
        policies: References, or none for those that the tasks compare.
    """
    from components.human_eval.origin import resolve_returned

    return resolve_returned(tasks, key, prompts, documents, labels, policies)
