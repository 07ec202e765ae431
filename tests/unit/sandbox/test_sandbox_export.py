"""What simulated labelers export, the import of human evaluation reads back as it was meant."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from components.core.records import FLAGS, BlindOutput, Message, Task
from components.human_eval.annotations import parse, read_export
from components.human_eval.label_studio import flags, label_config, overall
from components.sandbox.label_studio import exported_task, write_export
from components.sandbox.labelers import Labeler, OutputLabel, rank

LABELERS = [Labeler(n, f"labeler-{n:02d}@example.com", 1.0, 0.0, 0.0) for n in (1, 2, 3)]


def tasks(count: int) -> list[Task]:
    rng = random.Random(count)
    return [
        Task(
            f"t{number}",
            f"p{number}",
            (Message("user", 'a question "quoted", über\nlines'),),
            tuple(BlindOutput(f"o{number}-{n}", f"text {n}") for n in range(rng.randint(2, 9))),
        )
        for number in range(count)
    ]


def labels(task: Task, rng: random.Random) -> list[OutputLabel]:
    ranks = rank([rng.random() for _ in task.outputs], 0.3)
    return [
        OutputLabel(rng.randint(1, 7), tuple(f for f in FLAGS if rng.random() < 0.2), place)
        for place in ranks
    ]


def exported(folder: Path) -> list[tuple[Task, list[tuple[Labeler, list[OutputLabel]]]]]:
    rng = random.Random(0)
    said = [
        (task, [(who, labels(task, rng)) for who in rng.sample(LABELERS, rng.randint(1, 3))])
        for task in tasks(25)
    ]
    entries = (exported_task(number, task, who) for number, (task, who) in enumerate(said))
    assert write_export(folder / "label_studio.json", entries) == 25
    return said


def test_the_import_reads_back_what_the_labelers_said(tmp_path: Path) -> None:
    said = exported(tmp_path)
    known = {task.id: task for task, _ in said}
    read = [parse(entry, known) for entry in read_export(tmp_path, "labels")]
    meant = [(task, who, seen) for task, answers in said for who, seen in answers]
    assert len(read) == len(meant)
    for (task, annotation), (expected, labeler, seen) in zip(read, meant, strict=True):
        assert task is expected
        assert annotation.labeler.id == str(labeler.number)
        assert annotation.labeler.email == labeler.email
        ids = [output.id for output in task.outputs]
        assert dict(annotation.likert) == dict(zip(ids, (s.likert for s in seen), strict=True))
        assert dict(annotation.flags) == dict(zip(ids, (s.flags for s in seen), strict=True))
        assert dict(annotation.ranks) == dict(zip(ids, (s.rank for s in seen), strict=True))


def test_it_is_a_form_that_the_exported_project_has(tmp_path: Path) -> None:
    """Control names, what they are bound to and their types are those of the label config."""
    exported(tmp_path)
    config = label_config(9)
    for task in json.loads((tmp_path / "label_studio.json").read_text(encoding="utf-8")):
        shown = len(task["data"]["outputs"])
        allowed = {overall(n): "rating" for n in range(shown)}
        allowed |= {flags(n): "choices" for n in range(shown)} | {"ranking": "ranker"}
        for annotation in task["annotations"]:
            found = {region["from_name"]: region["type"] for region in annotation["result"]}
            assert found.items() <= allowed.items()
            assert len(found) == len(annotation["result"])
    assert '<Ranker name="ranking" toName="outputs">' in config


def test_ids_of_tasks_and_annotations_are_their_own(tmp_path: Path) -> None:
    exported(tmp_path)
    tasks_read: list[dict[str, Any]] = json.loads((tmp_path / "label_studio.json").read_text())
    ids = [annotation["id"] for task in tasks_read for annotation in task["annotations"]]
    assert len(set(ids)) == len(ids)
    assert [task["id"] for task in tasks_read] == list(range(1, 26))
    assert all(a["lead_time"] > 0 for task in tasks_read for a in task["annotations"])


@pytest.mark.parametrize("count", [0, 1])
def test_a_short_export_is_json_too(tmp_path: Path, count: int) -> None:
    path = tmp_path / "label_studio.json"
    written = write_export(path, (exported_task(n, t, []) for n, t in enumerate(tasks(count))))
    assert written == count == len(json.loads(path.read_text()))
    assert list(read_export(tmp_path, "labels")) == []
