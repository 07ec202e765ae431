"""Which of the paper's ten use cases a prompt is: multinomial naive Bayes over readable cues.

A conversation with an assistant's turn in it is a chat. Otherwise the cues of the last message
(``use_case_cues.py``) each bring points to each use case, which stand in ``use_case_points.csv``
in tenths of a nat, and the use case with most points wins. A prompt without a known cue is
``other``. The points come from 1,395 public prompts that one reader labelled;
``tests/benchmarks/prompts/`` holds the labels and makes the points. On the half of the labels that
points were not made from, three prompts in four get the label's use case: good for a
distribution to set beside the paper's table 1, not for training on.
"""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.core.records import Message
from components.prompts.text.use_case_cues import cues

#: Shares among the paper's RM prompts (Ouyang et al. 2022, table 1).
PAPER: Mapping[str, float] = {
    "generation": 0.456,
    "open_qa": 0.124,
    "brainstorming": 0.112,
    "chat": 0.084,
    "rewrite": 0.066,
    "summarization": 0.042,
    "classification": 0.035,
    "other": 0.035,
    "closed_qa": 0.026,
    "extract": 0.019,
}

POINTS = Path(__file__).with_name("use_case_points.csv")
#: The row of ``POINTS`` with what every prompt starts from.
START = "start"


def use_cases(conversations: Sequence[Sequence[Message]]) -> list[str]:
    """For each conversation one of the keys of ``PAPER``. 20k a CPU second."""
    names, rows, points = _table()
    answers = ["chat"] * len(conversations)
    known: list[int] = []
    starts: list[int] = []
    asked: list[int] = []
    for number, messages in enumerate(conversations):
        if any(message.role == "assistant" for message in messages):
            continue
        found = [rows[cue] for cue in set(cues(messages[-1].content)) if cue in rows]
        # The length is always known; it alone says nothing.
        if len(found) < 2:
            answers[number] = "other"
            continue
        asked.append(number)
        starts.append(len(known))
        known += found
    if asked:
        totals = np.add.reduceat(points[known], starts, axis=0) + points[rows[START]]
        for number, best in zip(asked, totals.argmax(axis=1), strict=True):
            answers[number] = names[best]
    return answers


def use_case(messages: Sequence[Message]) -> str:
    """The use case of one conversation."""
    return use_cases([messages])[0]


@cache
def _table() -> tuple[list[str], dict[str, int], NDArray[np.int32]]:
    """Names of the use cases, row numbers by cue, points (cues, use cases)."""
    with POINTS.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    rows = {line[0]: number for number, line in enumerate(lines)}
    return header[1:], rows, np.array([line[1:] for line in lines], dtype=np.int32)
