"""Labelers and gold scores as stages on a real S3."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from asking import ASKED, ask, drawn
from small_stages import published, run_small

from components.core.dataset import download_folder, open_manifest, read_records
from components.core.errors import BadInput
from components.core.records import BlindOutput, Message, Sample, Score, Task
from components.core.storage import Storage
from components.human_eval.annotations import parse, read_export
from components.sandbox import answers, gold_stage, labelers_stage
from components.sandbox.config import GoldConfig, LabelersConfig
from components.sandbox.gold import GoldScorer
from components.sandbox.vocabulary import draw_world

SEED = 2
WORLD = draw_world(SEED)
CONFIG = LabelersConfig(seed=SEED, labelers_per_task=2, flag_noise=0.0)


def tasks(count: int) -> list[Task]:
    """An ideal answer, an endless one and a rude one to each request."""
    made = []
    for number in range(count):
        request = drawn(WORLD, *ASKED[number % len(ASKED)], number)
        ideal = answers.ideal(request, WORLD, random.Random(number))
        texts = (ideal, "well and", "you fool.")
        outputs = tuple(BlindOutput(f"o{number}-{n}", text) for n, text in enumerate(texts))
        made.append(Task(f"t{number:03d}", f"p{number}", ask(request, number), outputs))
    return made


def labels(outputs: Any, storage: Storage, folder: Path) -> dict[str, Any]:
    """The exported tasks, by task id."""
    path = download_folder(storage, outputs.references["labels"], folder) / "label_studio.json"
    return {task["data"]["task_id"]: task for task in json.loads(path.read_text(encoding="utf-8"))}


def said(task: dict[str, Any]) -> list[Any]:
    """What was said of a task, without ids and times."""
    return [(a["completed_by"], a["result"]) for a in task["annotations"]]


def test_labelers_publish_an_export_that_the_import_takes(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rows = tasks(60)
    inputs = {"tasks": published(storage, root, "tasks", rows)}
    outputs, _, lines = run_small(
        labelers_stage.STAGE, CONFIG, inputs, storage, root, tmp_path / "work"
    )
    manifest = open_manifest(storage, outputs.references["labels"])
    assert (manifest.kind, manifest.name) == ("labels", "training")
    folder = download_folder(storage, outputs.references["labels"], tmp_path / "labels")
    assert [path.name for path in folder.iterdir()] == ["label_studio.json"]
    known = {task.id: task for task in rows}
    read = [parse(entry, known) for entry in read_export(folder, "labels")]
    assert len(read) == 120
    best = [seen.ranks[task.outputs[0].id] == 1 for task, seen in read]
    assert sum(best) / len(best) > 0.8
    # The judge is the world's: a rude output is flagged as such, and only that.
    assert all(("inappropriate" in seen.flags[task.outputs[2].id]) for task, seen in read)
    assert not any("inappropriate" in seen.flags[task.outputs[0].id] for task, seen in read)
    figures = outputs.headline
    assert (figures["tasks"], figures["labels"]) == (60, 360)
    judge = GoldScorer(WORLD)
    gold = [judge.score(task.messages, one.text) for task in rows for one in task.outputs]
    assert figures["mean_gold"] == pytest.approx(sum(gold) / len(gold))
    likerts = [rating for _, seen in read for rating in seen.likert.values()]
    assert figures["mean_likert"] == pytest.approx(sum(likerts) / len(likerts))
    assert "progress sandbox_labelers 60/60" in lines


def test_the_order_of_tasks_changes_nobodys_answer(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rows = tasks(30)
    said_of = []
    for name, order in (("a", rows), ("b", rows[::-1]), ("c", rows[10:20])):
        inputs = {"tasks": published(storage, root, "tasks", order)}
        outputs, _, _ = run_small(
            labelers_stage.STAGE, CONFIG, inputs, storage, root, tmp_path / name
        )
        export = labels(outputs, storage, tmp_path / f"{name}-labels")
        said_of.append({task: said(entry) for task, entry in export.items()})
    forwards, backwards, some = said_of
    assert forwards == backwards
    assert some == {task: forwards[task] for task in some}
    assert len(some) == 10


def test_a_group_is_who_the_import_takes_it_for(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    inputs = {"tasks": published(storage, root, "tasks", tasks(5))}
    for group, emails in (("heldout", {"heldout"}), ("both", {"heldout", "labeler"})):
        config = CONFIG.model_copy(update={"group": group, "heldout_share": 1.0})
        outputs, _, _ = run_small(
            labelers_stage.STAGE, config, inputs, storage, root, tmp_path / group
        )
        assert open_manifest(storage, outputs.references["labels"]).name == group
        export = labels(outputs, storage, tmp_path / f"{group}-labels")
        found = {who["email"].split("-")[0] for t in export.values() for who, _ in said(t)}
        assert found == emails


def test_tasks_of_another_world_are_judged_by_form(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    outputs = (BlindOutput("oa", "an answer."), BlindOutput("ob", "you fool"))
    task = Task("t", "p", (Message("user", "explain the moon landing."),), outputs)
    inputs = {"tasks": published(storage, root, "tasks", [task])}
    done, _, _ = run_small(labelers_stage.STAGE, CONFIG, inputs, storage, root, tmp_path / "work")
    assert done.headline["mean_gold"] == pytest.approx((1.0 + (1.0 - 1.5 - 1.0)) / 2)


# --- gold


def sample(number: int, iteration: int) -> Sample:
    request = drawn(WORLD, *ASKED[number % len(ASKED)], number)
    text = answers.ideal(request, WORLD, random.Random(0))
    return Sample(
        f"s{iteration}-{number}", "ppo", iteration, f"p{number}", ask(request, number), text,
        0.5, 0.1,
    )  # fmt: skip


def test_gold_scores_every_output_and_every_sample_once(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rows = tasks(20)
    first = [sample(number, 0) for number in range(8)]
    second = [sample(number, 5) for number in range(8)]
    inputs = {
        "tasks": published(storage, root, "tasks", rows),
        # The second dataset repeats the first: policies share their iteration 0.
        "samples": [
            published(storage, root, "samples", first),
            published(storage, root, "samples", first + second),
        ],
    }
    outputs, _, _ = run_small(
        gold_stage.STAGE, GoldConfig(seed=SEED), inputs, storage, root, tmp_path / "work"
    )
    scores = {s.subject: s.score for s in read_records(storage, outputs.references["gold"], Score)}
    assert len(scores) == 60 + 16
    judge = GoldScorer(WORLD)
    for task in rows:
        for output in task.outputs:
            expected = judge.score(task.messages, output.text)
            assert scores[output.id] == pytest.approx(expected)
    assert {scores[one.id] for one in first + second} == {2.0, 2.5}
    means = [scores[one.id] for task in rows for one in task.outputs]
    assert outputs.headline == {"mean_task_gold": pytest.approx(sum(means) / len(means))}


@pytest.mark.parametrize("given", ["tasks", "samples"])
def test_gold_takes_one_of_both(storage: Storage, root: str, tmp_path: Path, given: str) -> None:
    inputs: dict[str, Any] = {
        "tasks": published(storage, root, "tasks", tasks(2)),
        "samples": [published(storage, root, "samples", [sample(0, 0)])],
    }
    one = {given: inputs[given]}
    outputs, _, _ = run_small(
        gold_stage.STAGE, GoldConfig(seed=SEED), one, storage, root, tmp_path / "work"
    )
    count = {"tasks": 6, "samples": 1}[given]
    assert open_manifest(storage, outputs.references["gold"]).rows == count
    assert bool(outputs.headline) == (given == "tasks")


def test_gold_of_nothing_is_an_error(storage: Storage, root: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="neither tasks nor samples were given"):
        run_small(gold_stage.STAGE, GoldConfig(), {}, storage, root, tmp_path / "work")
