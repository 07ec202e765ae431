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
    documents: str,
    rankings: str,
    earlier: str,
    previous_audit: str,
    base: str,
) -> NamedTuple(  # type: ignore[valid-type]
    "Resolved",
    [
        ("raw_prompts", str),
        ("demonstrations", str),
        ("documents", str),
        ("rankings", str),
        ("earlier", str),
        ("previous_audit", str),
        ("base", str),
    ],
):
    """Turn each of the references that says ``latest`` into one with a digest.

    Those that may be empty may also say ``latest-or-none``: empty where nothing is published yet.

    Args:
        raw_prompts: Reference or ``latest``.
        demonstrations: Reference or ``latest``.
        documents: Reference or ``latest``.
        rankings: Reference, ``latest``, ``latest-or-none``, or empty where none exist yet.
        earlier: Signatures of earlier rounds: the same.
        previous_audit: That of the last round's prompts: the same.
        base: A published policy to start from: the same.
    """
    from components.core.launch import resolve_references
    from components.core.references import Asked

    return resolve_references(
        [
            Asked("raw_prompts", raw_prompts, "dataset/raw_prompts"),
            Asked("demonstrations", demonstrations, "dataset/demonstrations"),
            Asked("documents", documents, "dataset/pretraining"),
            Asked("rankings", rankings, "dataset/rankings", optional=True),
            Asked("earlier", earlier, "dataset/signatures", optional=True),
            Asked("previous_audit", previous_audit, "report/prompts-audit", optional=True),
            Asked("base", base, "policy/base", optional=True),
        ]
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
