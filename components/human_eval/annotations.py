"""Strict reading of Label Studio's export: an annotation is understood whole or refused.

Label Studio stores annotations with unknown controls, half a ranking or no labeler at all without a
word, so nothing here is guessed: whatever does not fit is refused with a reason.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from components.core.errors import BadInput
from components.core.records import FLAGS, LabelerGroup, Task
from components.human_eval.label_studio import RANKING, flags, overall

_BUCKET = re.compile(r"rank([1-9][0-9]?)")


class Refused(Exception):
    """An annotation that is not taken. Holds no text of prompts, outputs or labelers' notes."""

    def __init__(self, reason: str, rule: str) -> None:
        super().__init__(f"{reason}: {rule}")
        #: A short machine word.
        self.reason = reason
        #: What was expected, for people.
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Labeler:
    """Who annotated."""

    id: str
    email: str

    def group(self, heldout: tuple[str, ...]) -> LabelerGroup:
        """``heldout`` where the id or email matches one of the patterns."""
        names = (self.id, self.email.lower())
        matched = any(fnmatchcase(n, p.lower()) for n in names if n for p in heldout)
        return "heldout" if matched else "training"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One labeler's whole judgment of a task, by output id."""

    labeler: Labeler
    likert: Mapping[str, int]
    flags: Mapping[str, tuple[str, ...]]
    #: Dense ranks, 1 is best; equal ranks are ties.
    ranks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """An annotation as it stands in an export, with the task it is said to belong to."""

    #: 0-based number of the annotation in its export, empty tasks not counted.
    row: int
    task_id: str
    annotation_id: str
    #: Ids of the outputs that the labeler was shown, None where the export does not tell.
    shown: frozenset[str] | None
    body: object


def read_export(folder: Path, origin: str) -> Iterator[Entry]:
    """Every annotation in the JSON exports of a folder.

    Raises BadInput where a file is not JSON or not a list of tasks.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise BadInput(f"{origin}: no *.json file; expected a Label Studio JSON export")
    row = 0
    for path in paths:
        try:
            tasks = json.loads(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "bytes"
            raise BadInput(
                f"{origin}: {path.name}, {place}: not JSON in UTF-8; expected Label Studio's JSON "
                "export"
            ) from None
        if not isinstance(tasks, list):
            raise BadInput(
                f"{origin}: {path.name}: got {type(tasks).__name__}; expected a list of tasks"
            )
        for task in tasks:
            data = task.get("data") if isinstance(task, dict) else None
            data = data if isinstance(data, dict) else {}
            annotations = task.get("annotations") if isinstance(task, dict) else None
            if not isinstance(annotations, list):
                # Not a task of an export: counted as one refusal, so that nothing vanishes.
                annotations = [None]
            for body in annotations:
                identity = body.get("id") if isinstance(body, dict) else None
                yield Entry(
                    row=row,
                    task_id=_plain(data.get("task_id")),
                    annotation_id=_plain(identity),
                    shown=_shown(data.get("outputs")),
                    body=body,
                )
                row += 1


def parse(entry: Entry, tasks: Mapping[str, Task]) -> tuple[Task, Annotation]:
    """The annotation's task and what it says; raises Refused."""
    body = entry.body
    if not isinstance(body, dict) or not isinstance(body.get("result"), list):
        raise Refused("malformed", "expected an annotation with a list 'result'")
    task = tasks.get(entry.task_id)
    if task is None:
        raise Refused("unknown_task", "data.task_id is none of the exported tasks")
    order = [output.id for output in task.outputs]
    if entry.shown is not None and entry.shown != frozenset(order):
        raise Refused("task_changed", "data.outputs are not the outputs that were exported")
    if body.get("was_cancelled"):
        raise Refused("cancelled", "the labeler skipped the task")
    labeler = _labeler(body.get("completed_by"))
    results = _results(body["result"], len(order))
    likert = {
        output: _likert(results.get(overall(index)), overall(index))
        for index, output in enumerate(order)
    }
    ticked = {
        output: _flags(results.get(flags(index)), flags(index))
        for index, output in enumerate(order)
    }
    return task, Annotation(labeler, likert, ticked, _ranks(results.get(RANKING), order))


def _results(results: list[object], outputs: int) -> dict[str, dict[str, Any]]:
    """Control name -> value; refuses what the exported form does not have."""
    types = {RANKING: "ranker"}
    types |= {overall(index): "rating" for index in range(outputs)}
    types |= {flags(index): "choices" for index in range(outputs)}
    values: dict[str, dict[str, Any]] = {}
    for result in results:
        if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
            raise Refused("malformed", "expected results with a 'value'")
        name = result.get("from_name")
        if not isinstance(name, str) or name not in types:
            raise Refused("unknown_control", "from_name is no control of the exported form")
        if result.get("type") != types[name]:
            raise Refused("unknown_control", f"{name}: expected type '{types[name]}'")
        if name in values:
            raise Refused("malformed", f"{name}: answered twice")
        values[name] = result["value"]
    return values


def _labeler(value: object) -> Labeler:
    """``{"id": 7, "email": ...}``, or the bare id that some exports hold."""
    identity, email = value, ""
    if isinstance(value, dict):
        identity = value.get("id")
        email = value["email"] if isinstance(value.get("email"), str) else ""
    if isinstance(identity, bool) or not isinstance(identity, int | str) or identity == "":
        raise Refused("labeler_missing", 'completed_by: expected {"id", "email"}')
    if isinstance(identity, str) and "@" in identity:
        # The id is published with each label; the address is for matching groups only.
        raise Refused("labeler_address", "completed_by: expected a number or a name as the id")
    return Labeler(_plain(identity), email)


def _likert(value: dict[str, Any] | None, name: str) -> int:
    if value is None:
        raise Refused("rating_missing", f"{name}: expected a rating of 1 to 7")
    rating = value.get("rating")
    if isinstance(rating, float) and rating.is_integer():
        rating = int(rating)
    if isinstance(rating, bool) or not isinstance(rating, int) or not 1 <= rating <= 7:
        raise Refused("rating_out_of_range", f"{name}: expected a whole number of 1 to 7")
    return rating


def _flags(value: dict[str, Any] | None, name: str) -> tuple[str, ...]:
    """The ticked flags in the paper's order; a question without an answer is a no."""
    ticked = [] if value is None else value.get("choices")
    if not isinstance(ticked, list) or any(flag not in FLAGS for flag in ticked):
        raise Refused("unknown_flag", f"{name}: expected choices out of {', '.join(FLAGS)}")
    return tuple(flag for flag in FLAGS if flag in ticked)


def _ranks(value: dict[str, Any] | None, order: list[str]) -> dict[str, int]:
    buckets = value.get("ranker") if value is not None else None
    if not isinstance(buckets, dict):
        raise Refused("ranking_missing", f"{RANKING}: expected a ranking of all outputs")
    placed: dict[int, list[str]] = {}
    for name, ids in buckets.items():
        match = _BUCKET.fullmatch(name)
        if not isinstance(ids, list):
            raise Refused("malformed", f"{RANKING}: expected a list of output ids in each bucket")
        if match is None:
            # Outputs that were never moved lie in a bucket of another name.
            if ids:
                raise Refused("incomplete_ranking", f"{RANKING}: expected buckets rank1, rank2 ...")
            continue
        if ids:
            placed[int(match[1])] = ids
    ranked = [output for ids in placed.values() for output in ids]
    if any(not isinstance(output, str) or output not in order for output in ranked):
        raise Refused("unknown_output", f"{RANKING}: an id is no output of this task")
    if len(set(ranked)) != len(ranked):
        raise Refused("malformed", f"{RANKING}: an output stands in two places")
    if len(ranked) != len(order):
        rule = f"{RANKING}: {len(ranked)} of {len(order)} outputs are ranked"
        raise Refused("incomplete_ranking", rule)
    return {
        output: rank for rank, place in enumerate(sorted(placed), 1) for output in placed[place]
    }


def _shown(outputs: object) -> frozenset[str] | None:
    if not isinstance(outputs, list):
        return None
    return frozenset(_plain(o.get("id")) if isinstance(o, dict) else "" for o in outputs)


def _plain(value: object) -> str:
    """An id as text, cut to a sane length; "" for anything that is no id."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value)[:100]
