"""The first step of a pipeline that takes references from outside: ``latest`` becomes a digest.

It never comes from the cache, so a scheduled run sees today's data; all later steps are keyed by
what it found, so they may.
"""

from typing import NamedTuple

from kfp import dsl

from components.core.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[untyped-decorator]
def resolve(
    raw_prompts: str,
    demonstrations: str,
    pretraining: str,
    rankings: str,
    base: str,
) -> NamedTuple(  # type: ignore[valid-type]
    "Resolved",
    [
        ("raw_prompts", str),
        ("demonstrations", str),
        ("pretraining", str),
        ("rankings", str),
        ("base", str),
    ],
):
    """Turn each of the references that says ``latest`` into one with a digest.

    Args:
        raw_prompts: Reference or ``latest``.
        demonstrations: Reference or ``latest``.
        pretraining: Reference or ``latest``.
        rankings: Reference, ``latest``, or empty where none exist yet.
        base: Reference of a published policy, ``latest``, or empty to make one.
    """
    from components.core.launch import resolve_references

    return resolve_references(
        {
            "raw_prompts": ("dataset", raw_prompts),
            "demonstrations": ("dataset", demonstrations),
            "pretraining": ("dataset", pretraining),
            "rankings": ("dataset", rankings),
            "base": ("policy", base),
        }
    )
