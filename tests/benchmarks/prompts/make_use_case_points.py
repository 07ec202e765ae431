"""Makes ``components/prompts/text/use_case_points.csv`` from the labelled prompts.

    PYTHONPATH=. python tests/benchmarks/prompts/make_use_case_points.py ../shared/data

Multinomial naive Bayes over whether a cue is there: a cue's points for a use case are the log of
its share among the cues of that use case's prompts, less the mean of these logs over all use
cases, so that points above 0 speak for it.
"""

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from labelled_prompts import DATA, Labelled, labelled_prompts

from components.prompts.text.use_case import PAPER, POINTS, START
from components.prompts.text.use_case_cues import cues

#: Counted on top of every cue; .05 and .2 are as good, by five folds of the dev half.
SMOOTHING = 0.1
#: Cues that fewer prompts have are left out: they would be names, not cues.
LEAST = 3


def points(prompts: Sequence[Labelled]) -> dict[str, list[int]]:
    """Points by cue, in tenths of a nat, in the order of ``PAPER``'s use cases."""
    names = list(PAPER)
    of = np.array([names.index(prompt.label) for prompt in prompts])
    found = [set(cues(prompt.text)) for prompt in prompts]
    often = Counter(cue for one in found for cue in one)
    kept = sorted(cue for cue, count in often.items() if count >= LEAST)
    number = {cue: at for at, cue in enumerate(kept)}
    counts = np.full((len(kept), len(names)), SMOOTHING)
    for one, name in zip(found, of, strict=True):
        counts[[number[cue] for cue in one if cue in number], name] += 1
    logs = np.log(counts / counts.sum(axis=0))
    start = np.log(np.bincount(of, minlength=len(names)) + 1)
    table = {START: start - start.mean()}
    table |= dict(zip(kept, logs - logs.mean(axis=1, keepdims=True), strict=True))
    return {cue: [round(10 * value) for value in row] for cue, row in table.items()}


def write(table: dict[str, list[int]], path: Path) -> None:
    """Write points as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["cue", *PAPER])
        writer.writerows([cue, *row] for cue, row in table.items())


if __name__ == "__main__":
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    table = points(labelled_prompts(data))
    write(table, POINTS)
    print(f"{POINTS}: {len(table) - 1} cues")
