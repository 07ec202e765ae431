"""What exported tasks were made from, so that labels need not be brought back with all of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.core import work
from components.core.dataset import DatasetError, open_manifest
from components.core.launch import root_from_environment, telling
from components.core.references import Asked, resolve_inputs
from components.core.storage import Storage


@dataclass(frozen=True, slots=True)
class Origin:
    """References of what belongs to a ``tasks`` dataset; "" or () where it is not known."""

    key: str
    prompts: str
    policies: tuple[str, ...]


def origin_of(storage: Storage, root: str, tasks: str) -> Origin:
    """The key that was exported with tasks, and the prompts and policies that they came from."""
    made = open_manifest(storage, tasks).provenance
    parents = {reference: open_manifest(storage, reference) for reference in made.parents}
    exported = work.read_all(storage, root, [made.work] if made.work else [])
    return Origin(
        key=next((record.outputs.get("key", "") for record in exported), ""),
        prompts=next((r for r, m in parents.items() if m.contract.startswith("prompts@")), ""),
        policies=tuple(r for r, m in parents.items() if m.kind == "policy"),
    )


def resolve_returned(
    tasks: str,
    key: str,
    prompts: str,
    documents: str,
    labels: Sequence[str],
    policies: Sequence[str],
) -> tuple[str, str, str, str, list[str], list[str]]:
    """References with digests, in the order of the arguments: the first step of ``feedback``.

    Each may be a reference, a name or ``latest``; ``key``, ``prompts`` and ``policies`` that are
    empty are those of the tasks. What is not there ends the step with one line for all of it.
    """
    with telling("resolve"):
        storage, root = Storage.from_environment(), root_from_environment()
        asked = [
            Asked("tasks", tasks, "dataset/tasks"),
            Asked("key", key, "dataset/key"),
            Asked("prompts_dataset", prompts, "dataset/prompts"),
            Asked("documents", documents, "dataset/pretraining"),
            *(Asked("labels", value, "labels/labels") for value in labels),
            # Of several policies none is the newest: each is named.
            *(Asked("policies", value, f"policy/{value}") for value in policies),
        ]
        of_tasks, of_key, of_prompts, of_documents, *rest = resolve_inputs(
            storage, root, asked
        ).references
        origin = origin_of(storage, root, of_tasks)
        of_key = of_key or origin.key
        of_prompts = of_prompts or origin.prompts
        back, compared = rest[: len(labels)], rest[len(labels) :] or [*origin.policies]
        belonging = {"key": of_key, "prompts_dataset": of_prompts, "policies": compared}
        missing = [name for name, value in belonging.items() if not value]
        if missing:
            raise DatasetError(
                f"{of_tasks}: what it was exported with is not known; give "
                + " ".join(f"--input {name}=REFERENCE" for name in missing)
            )
    return of_tasks, of_key, of_prompts, of_documents, back, compared
