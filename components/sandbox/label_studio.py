"""Answers in the form in which Label Studio exports them (JSON, one entry a task).

Written from Label Studio's published format, apart from the stage that reads it: the simulated
labelers must not be able to rely on what the import expects.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from components.core.records import Task
from components.sandbox.labelers import Labeler, OutputLabel

#: When labeling starts; one task is finished every two minutes.
_START = datetime(2022, 6, 1, 9, 0, tzinfo=UTC)

Answers = Sequence[tuple[Labeler, Sequence[OutputLabel]]]


def exported_task(number: int, task: Task, answers: Answers) -> dict[str, Any]:
    """One task with its annotations."""
    done = (_START + timedelta(minutes=2 * number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "id": number + 1,
        "data": {
            "task_id": task.id,
            "prompt": task.messages[-1].content,
            "outputs": [
                {"id": output.id, "title": f"Output {place + 1}", "body": output.text}
                for place, output in enumerate(task.outputs)
            ],
        },
        "created_at": _START.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "updated_at": done,
        "annotations": [
            {
                "id": (number + 1) * 100 + place,
                "completed_by": {"id": labeler.number, "email": labeler.email},
                "was_cancelled": False,
                "created_at": done,
                "updated_at": done,
                "lead_time": round(20 + 15.5 * len(labels), 1),
                "result": _result(task, labels),
            }
            for place, (labeler, labels) in enumerate(answers)
        ],
    }


def _result(task: Task, labels: Sequence[OutputLabel]) -> list[dict[str, Any]]:
    regions = []
    for place, output_label in enumerate(labels):
        shown = f"output_{place}"
        regions.append(
            _region(f"overall_{place}", shown, "rating", {"rating": output_label.likert})
        )
        if output_label.flags:
            regions.append(
                _region(f"flags_{place}", shown, "choices", {"choices": list(output_label.flags)})
            )
    buckets: dict[str, list[str]] = {}
    ranked = sorted(zip(task.outputs, labels, strict=True), key=lambda pair: pair[1].rank)
    for output, output_label in ranked:
        buckets.setdefault(f"rank{output_label.rank}", []).append(output.id)
    regions.append(_region("ranking", "outputs", "ranker", {"ranker": buckets}))
    return regions


def _region(control: str, shown: str, kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{control}-{kind}",
        "from_name": control,
        "to_name": shown,
        "type": kind,
        "value": dict(value),
    }


def write_export(path: Path, tasks: Iterable[dict[str, Any]]) -> int:
    """Write exported tasks as one JSON list, a task a line; returns their number."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, task in enumerate(tasks, start=1):
            file.write(("[\n" if count == 1 else ",\n") + json.dumps(task, ensure_ascii=False))
        file.write("\n]\n" if count else "[]\n")
    return count
