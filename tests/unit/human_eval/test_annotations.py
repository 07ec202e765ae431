"""Strict reading of labels: every kind of malformed annotation is refused with its reason."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import BadInput
from components.core.records import BlindOutput, Message, Task
from components.human_eval.annotations import Entry, Refused, parse, read_export

TASK = Task(
    "t1",
    "p1",
    (Message("user", "a secret question"),),
    (BlindOutput("oa", "one"), BlindOutput("ob", "two"), BlindOutput("oc", "three")),
)
TASKS = {"t1": TASK}


def annotation() -> dict[str, Any]:
    return {
        "id": 11,
        "completed_by": {"id": 7, "email": "heldout-07@example.com"},
        "was_cancelled": False,
        "result": [
            {"from_name": "overall_0", "type": "rating", "value": {"rating": 7}},
            {"from_name": "overall_1", "type": "rating", "value": {"rating": 1}},
            {"from_name": "overall_2", "type": "rating", "value": {"rating": 4}},
            {
                "from_name": "flags_1",
                "type": "choices",
                "value": {"choices": ["hallucination", "fails_task"]},
            },
            {
                "from_name": "ranking",
                "type": "ranker",
                "value": {"ranker": {"rank1": ["oa"], "rank3": ["oc", "ob"], "rank2": []}},
            },
        ],
    }


def entry(body: object, task_id: str = "t1", shown: frozenset[str] | None = None) -> Entry:
    return Entry(0, task_id, "11", shown, body)


def test_a_good_annotation_is_read_whole() -> None:
    task, read = parse(entry(annotation(), shown=frozenset({"oa", "ob", "oc"})), TASKS)
    assert task is TASK
    assert read.labeler.id == "7"
    assert dict(read.likert) == {"oa": 7, "ob": 1, "oc": 4}
    assert dict(read.flags) == {"oa": (), "ob": ("fails_task", "hallucination"), "oc": ()}
    # An empty bucket between two filled ones is no rank.
    assert dict(read.ranks) == {"oa": 1, "ob": 2, "oc": 2}


def test_held_out_labelers_are_known_by_id_or_email() -> None:
    labeler = parse(entry(annotation()), TASKS)[1].labeler
    assert labeler.group(("heldout-*",)) == "heldout"
    assert labeler.group(("7",)) == "heldout"
    assert labeler.group(("17", "labeler-*")) == "training"
    assert labeler.group(()) == "training"


def result(body: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in body["result"] if r["from_name"] == name)
    return found


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, tuple[str, Change]] = {
    "no labeler": ("labeler_missing", lambda a: a.pop("completed_by")),
    "labeler without id": ("labeler_missing", lambda a: a["completed_by"].pop("id")),
    "labeler by address": ("labeler_address", lambda a: a.update(completed_by="ada@example.org")),
    "labeler null": ("labeler_missing", lambda a: a.update(completed_by=None)),
    "labeler true": ("labeler_missing", lambda a: a.update(completed_by=True)),
    "skipped": ("cancelled", lambda a: a.update(was_cancelled=True)),
    "no result": ("malformed", lambda a: a.pop("result")),
    "result without value": ("malformed", lambda a: a["result"].append({"from_name": "ranking"})),
    "unknown control": (
        "unknown_control",
        lambda a: a["result"].append({"from_name": "notes", "type": "textarea", "value": {}}),
    ),
    "control of an output that is not there": (
        "unknown_control",
        lambda a: a["result"].append({"from_name": "overall_3", "type": "rating", "value": {}}),
    ),
    "control of another type": (
        "unknown_control",
        lambda a: result(a, "overall_0").update(type="number"),
    ),
    "control answered twice": ("malformed", lambda a: a["result"].append(a["result"][0])),
    "rating missing": ("rating_missing", lambda a: a["result"].pop(0)),
    "rating 0": ("rating_out_of_range", lambda a: result(a, "overall_0")["value"].update(rating=0)),
    "rating 8": ("rating_out_of_range", lambda a: result(a, "overall_0")["value"].update(rating=8)),
    "rating 4.5": (
        "rating_out_of_range",
        lambda a: result(a, "overall_0")["value"].update(rating=4.5),
    ),
    "rating true": (
        "rating_out_of_range",
        lambda a: result(a, "overall_0")["value"].update(rating=True),
    ),
    "unknown flag": (
        "unknown_flag",
        lambda a: result(a, "flags_1")["value"].update(choices=["rude"]),
    ),
    "flags are no list": (
        "unknown_flag",
        lambda a: result(a, "flags_1")["value"].update(choices="hallucination"),
    ),
    "flag is a list": (
        "unknown_flag",
        lambda a: result(a, "flags_1")["value"].update(choices=[["hallucination"]]),
    ),
    "no ranking": ("ranking_missing", lambda a: a["result"].pop()),
    "ranking is a list": (
        "ranking_missing",
        lambda a: result(a, "ranking")["value"].update(ranker=["oa", "ob", "oc"]),
    ),
    "output not ranked": (
        "incomplete_ranking",
        lambda a: result(a, "ranking")["value"]["ranker"].update(rank3=["oc"]),
    ),
    "output left in the list": (
        "incomplete_ranking",
        lambda a: result(a, "ranking")["value"].update(
            ranker={"rank1": ["oa", "oc"], "outputs": ["ob"]}
        ),
    ),
    "output ranked twice": (
        "malformed",
        lambda a: result(a, "ranking")["value"]["ranker"].update(rank2=["oa"]),
    ),
    "output of another task": (
        "unknown_output",
        lambda a: result(a, "ranking")["value"]["ranker"].update(rank3=["oc", "ox"]),
    ),
    "bucket is no list": (
        "malformed",
        lambda a: result(a, "ranking")["value"]["ranker"].update(rank1="oa"),
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_malformed_annotations_are_refused(case: str) -> None:
    reason, change = CHANGES[case]
    body = copy.deepcopy(annotation())
    change(body)
    with pytest.raises(Refused) as refused:
        parse(entry(body), TASKS)
    assert refused.value.reason == reason
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("body", [None, [], "x", 3])
def test_what_is_no_annotation_is_refused(body: object) -> None:
    with pytest.raises(Refused, match="malformed"):
        parse(entry(body), TASKS)


def test_unknown_and_changed_tasks_are_refused() -> None:
    with pytest.raises(Refused, match="unknown_task"):
        parse(entry(annotation(), task_id="t2"), TASKS)
    with pytest.raises(Refused, match="task_changed"):
        parse(entry(annotation(), shown=frozenset({"oa", "ob"})), TASKS)


def test_every_annotation_of_an_export_is_counted(tmp_path: Path) -> None:
    tasks = [
        {"data": {"task_id": "t1"}, "annotations": [annotation(), annotation()]},
        {"data": {"task_id": "t1"}, "annotations": []},
        {"data": {"task_id": ["t1"]}, "annotations": [annotation()]},
        {"annotations": [annotation()]},
        {"data": {"task_id": "t1"}},
        "nonsense",
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    entries = list(read_export(tmp_path, "labels"))
    assert [e.row for e in entries] == [0, 1, 2, 3, 4, 5]
    assert [e.task_id for e in entries] == ["t1", "t1", "", "", "t1", ""]


@pytest.mark.parametrize(
    "content", [b"[{", b"\xff\xfe[]", b'{"data": {}}'], ids=["cut off", "not UTF-8", "an object"]
)
def test_a_file_that_is_no_export_is_bad_input(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "export.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"labels: export\.json"):
        list(read_export(tmp_path, "labels"))


def test_a_folder_without_an_export_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="JSON export"):
        list(read_export(tmp_path, "labels"))
