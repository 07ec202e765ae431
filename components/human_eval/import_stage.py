"""human_eval_import: labels in; rankings, ratings and refused annotations out."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from components.core.errors import BadInput, UserError
from components.core.records import (
    KeyEntry,
    Output,
    Prompt,
    Ranking,
    Rating,
    Reject,
    Split,
    Task,
)
from components.core.stage import Context, Inputs, Outputs, Stage
from components.human_eval.agreement import agreement, likert_alpha
from components.human_eval.annotations import Annotation, Entry, Refused, parse, read_export
from components.human_eval.config import ImportConfig
from components.human_eval.page import counts_page


@dataclass
class Imported:
    """What came of the annotations; ``seen`` = rankings + rejects."""

    rankings: list[Ranking] = field(default_factory=list)
    ratings: list[Rating] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    seen: int = 0


def run(config: ImportConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Read, unblind, measure and publish.

    Inputs: ``tasks``, ``key``, ``labels`` (one or more), optionally ``prompts`` (for their splits).
    Outputs: ``rankings``, ``ratings``, ``rejects``.
    """
    tasks = {task.id: task for task in inputs.rows("tasks", Task)}
    key = {(entry.task_id, entry.output_id): entry for entry in inputs.rows("key", KeyEntry)}
    check_key(tasks, key)
    splits: dict[str, Split] = {}
    if "prompts" in inputs:
        splits = {prompt.id: prompt.split for prompt in inputs.rows("prompts", Prompt)}

    exports = (
        (reference, read_export(inputs.folder(reference), reference))
        for reference in inputs.all("labels")
    )
    imported = import_all(exports, tasks, key, splits, config)
    context.progress.update(imported.seen, imported.seen, rejected=str(len(imported.rejects)))
    reasons = Counter(reject.reason for reject in imported.rejects)
    outputs.dataset("rejects", "rejects", imported.rejects)
    if not imported.rankings:
        raise UserError(
            f"labels: none of {imported.seen} annotations could be taken: {dict(reasons)}"
        )
    imported.rankings.sort(key=lambda ranking: ranking.id)
    imported.ratings.sort(key=lambda rating: rating.id)
    # Named like its tasks: those of `tasks_systems` are no `latest` rankings for a reward model.
    purpose = inputs.manifest(inputs.reference("tasks")).name.removeprefix("tasks")
    outputs.dataset("rankings", "rankings", imported.rankings, f"rankings{purpose}")
    outputs.dataset("ratings", "ratings", imported.ratings, f"ratings{purpose}")

    metrics = {
        "annotations": float(imported.seen),
        "accepted": float(len(imported.rankings)),
        "rejected": float(len(imported.rejects)),
        "tasks_labeled": float(len({rating.task_id for rating in imported.ratings})),
        "labelers": float(len({rating.labeler for rating in imported.ratings})),
        "likert_alpha": likert_alpha(imported.ratings),
    }
    for group, name in (("training", "agreement"), ("heldout", "agreement_heldout")):
        rate = agreement(
            imported.ratings,
            group,  # type: ignore[arg-type]
            resamples=config.resamples,
            seed=config.seed,
        )
        metrics |= {name: rate.value, f"{name}_low": rate.low, f"{name}_high": rate.high}
    # What nobody could measure (one labeler a task) is left out, not logged as a number.
    metrics = {name: value for name, value in metrics.items() if not math.isnan(value)}
    outputs.headline_metrics(metrics)
    outputs.html(
        counts_page(
            "Imported labels",
            f"{len(imported.rankings)} of {imported.seen} annotations were taken.",
            {"Figures": metrics, "Refused, by reason": reasons},
        )
    )


def check_key(tasks: Mapping[str, Task], key: Mapping[tuple[str, str], KeyEntry]) -> None:
    """Raise BadInput where the key does not unblind every output."""
    missing = sorted(
        task.id for task in tasks.values() if any((task.id, o.id) not in key for o in task.outputs)
    )
    if missing:
        raise BadInput(
            f"key: {len(missing)} tasks have outputs that it does not unblind, the first is "
            f"{missing[0]}; expected the key that was exported with these tasks"
        )


def import_all(
    exports: Iterable[tuple[str, Iterable[Entry]]],
    tasks: Mapping[str, Task],
    key: Mapping[tuple[str, str], KeyEntry],
    splits: Mapping[str, Split],
    config: ImportConfig,
) -> Imported:
    """Take every annotation or refuse it; a labeler's second annotation of a task is refused."""
    imported = Imported()
    first: dict[tuple[str, str], str] = {}
    for origin, entries in exports:
        for entry in entries:
            imported.seen += 1
            name = f"{entry.task_id}/{entry.annotation_id}"
            survivor = ""
            try:
                task, annotation = parse(entry, tasks)
                once = (task.id, annotation.labeler.id)
                if once in first:
                    survivor = first[once]
                    rule = "a labeler annotates a task once; the first annotation is kept"
                    raise Refused("duplicate_annotation", rule)
                first[once] = name
            except Refused as refused:
                imported.rejects.append(
                    Reject(name, origin, entry.row, refused.reason, refused.rule, survivor, None)
                )
                continue
            split = splits.get(task.prompt_id, config.split)
            imported.rankings.append(to_ranking(task, annotation, key, split, config))
            imported.ratings += to_ratings(task, annotation, key, config)
    return imported


def to_ranking(
    task: Task,
    annotation: Annotation,
    key: Mapping[tuple[str, str], KeyEntry],
    split: Split,
    config: ImportConfig,
) -> Ranking:
    """One labeler's ranking of a task, unblinded."""
    labeler = annotation.labeler
    return Ranking(
        id=f"{task.id}/{labeler.id}",
        prompt_id=task.prompt_id,
        split=split,
        messages=task.messages,
        outputs=tuple(Output(o.id, o.text, key[task.id, o.id].system) for o in task.outputs),
        ranks=tuple(annotation.ranks[output.id] for output in task.outputs),
        labeler=labeler.id,
        labeler_group=labeler.group(config.heldout_labelers),
    )


def to_ratings(
    task: Task,
    annotation: Annotation,
    key: Mapping[tuple[str, str], KeyEntry],
    config: ImportConfig,
) -> list[Rating]:
    """One labeler's rating of each output of a task, unblinded."""
    labeler = annotation.labeler
    return [
        Rating(
            id=f"{task.id}/{output.id}/{labeler.id}",
            task_id=task.id,
            prompt_id=task.prompt_id,
            output_id=output.id,
            system=key[task.id, output.id].system,
            labeler=labeler.id,
            labeler_group=labeler.group(config.heldout_labelers),
            likert=annotation.likert[output.id],
            flags=annotation.flags[output.id],
            rank=annotation.ranks[output.id],
        )
        for output in task.outputs
    ]


STAGE = Stage("human_eval_import", ImportConfig, run)
