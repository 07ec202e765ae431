"""The stage ``sandbox_gold``: what outputs and samples are really worth in the made-up world."""

from collections.abc import Iterator

from components.core import dataset
from components.core.errors import BadInput
from components.core.records import Sample, Score, Task
from components.core.stage import Context, Inputs, Outputs, Stage
from components.sandbox.config import GoldConfig
from components.sandbox.gold import GoldScorer
from components.sandbox.vocabulary import draw_world


def run(config: GoldConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Inputs tasks and samples (datasets, either may be left out); output gold (scores)."""
    if "tasks" not in inputs and "samples" not in inputs:
        raise BadInput("sandbox_gold: neither tasks nor samples were given; expected one of them")
    judge = GoldScorer(draw_world(config.seed))
    total, count = 0.0, 0

    def scores() -> Iterator[Score]:
        nonlocal total, count
        for score in _task_scores(inputs, judge):
            total, count = total + score.score, count + 1
            yield score
        seen: set[str] = set()
        for reference in inputs.all("samples"):
            for row in dataset.read_records(context.storage, reference, Sample):
                if row.id not in seen:
                    seen.add(row.id)
                    yield Score(row.id, judge.score(row.messages, row.completion))

    outputs.dataset("gold", "scores", scores())
    outputs.headline_metrics({"mean_task_gold": total / count} if count else {})


def _task_scores(inputs: Inputs, judge: GoldScorer) -> Iterator[Score]:
    if "tasks" in inputs:
        for task in inputs.rows("tasks", Task):
            for output in task.outputs:
                yield Score(output.id, judge.score(task.messages, output.text))


STAGE = Stage("sandbox_gold", GoldConfig, run)
