"""The stage ``sandbox_labelers``: simulated people answer exported tasks in Label Studio's form."""

from collections.abc import Iterator
from typing import Any

from components.core.errors import BadInput
from components.core.records import Task
from components.core.stage import Context, Inputs, Outputs, Stage
from components.sandbox.config import LabelersConfig
from components.sandbox.gold import GoldScorer
from components.sandbox.label_studio import exported_task, write_export
from components.sandbox.labelers import assign, draw_labelers, label
from components.sandbox.vocabulary import draw_world


def run(config: LabelersConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Input tasks; output labels (a folder with ``label_studio.json``, as exported)."""
    tasks = list(inputs.rows("tasks", Task))
    if not tasks:
        raise BadInput("tasks: the dataset is empty; expected at least one task to label")
    judge = GoldScorer(draw_world(config.seed))
    training, heldout = draw_labelers(config)
    likerts: list[int] = []
    gold: list[float] = []

    def answered() -> Iterator[dict[str, Any]]:
        for number, task in enumerate(tasks):
            judgements = [judge.judge(task.messages, output.text) for output in task.outputs]
            gold.extend(judgement.score for judgement in judgements)
            answers = [
                (labeler, label(labeler, task, judgements, config))
                for labeler in assign(task, training, heldout, config)
            ]
            likerts.extend(one.likert for _, labels in answers for one in labels)
            yield exported_task(number, task, answers)
            context.progress.update(number + 1, len(tasks))

    folder = context.workdir / "labels"
    folder.mkdir(parents=True)
    write_export(folder / "label_studio.json", answered())
    outputs.folder("labels", "labels", config.group, folder)
    outputs.headline_metrics(
        {
            "tasks": float(len(tasks)),
            "labels": float(len(likerts)),
            "mean_likert": sum(likerts) / len(likerts),
            "mean_gold": sum(gold) / len(gold),
        }
    )


STAGE = Stage("sandbox_labelers", LabelersConfig, run)
