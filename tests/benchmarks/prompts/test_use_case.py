"""Use cases against labels that a reader gave: accuracy, confusion, distributions, throughput."""

import time
from collections import Counter

import pytest
from labelled_prompts import DATA, labelled_prompts
from make_use_case_points import points, write

from components.core.records import Message
from components.prompts.text import use_case
from components.prompts.text.use_case import PAPER, use_cases

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here"),
]


def predicted(texts):
    return use_cases([[Message("user", text)] for text in texts])


@pytest.fixture
def held_out(tmp_path, monkeypatch):
    """The half of the labels that points were not made from, and what points of the other say."""
    prompts = labelled_prompts()
    path = tmp_path / "points.csv"
    write(points([prompt for prompt in prompts if prompt.half == "dev"]), path)
    monkeypatch.setattr(use_case, "POINTS", path)
    use_case._table.cache_clear()
    rest = [prompt for prompt in prompts if prompt.half == "held_out"]
    yield rest, predicted([prompt.text for prompt in rest])
    use_case._table.cache_clear()


def test_accuracy_on_the_half_that_points_were_not_made_from(held_out, capsys):
    prompts, answers = held_out
    right = [p.label == answer for p, answer in zip(prompts, answers, strict=True)]
    confusion = Counter((p.label, answer) for p, answer in zip(prompts, answers, strict=True))
    with capsys.disabled():
        print(f"\n{sum(right)} of {len(right)} right: {sum(right) / len(right):.3f}")
        for file in sorted({prompt.file for prompt in prompts}):
            here = [ok for p, ok in zip(prompts, right, strict=True) if p.file == file]
            print(f"  {file:48} {sum(here) / len(here):.3f} of {len(here)}")
        names = list(PAPER)
        print(f"{'label / answer':15}", *(name[:6].rjust(6) for name in names), "recall precision")
        scores = []
        for label in names:
            row = [confusion[label, answer] for answer in names]
            column = sum(confusion[other, label] for other in names)
            hit = confusion[label, label]
            scores.append(2 * hit / max(1, sum(row) + column))
            print(f"{label:15}", *(f"{count:6}" for count in row),
                  f"{hit / max(1, sum(row)):6.2f} {hit / max(1, column):9.2f}")  # fmt: skip
        print(f"mean F1 over use cases: {sum(scores) / len(scores):.3f}")
    assert sum(right) / len(right) >= 0.72


def test_distribution_beside_the_papers_table_1(capsys):
    prompts = labelled_prompts()
    with capsys.disabled():
        print("\nlabels (answers) in percent; answers by points of all labels")
        for file in sorted({prompt.file for prompt in prompts}):
            here = [prompt for prompt in prompts if prompt.file == file]
            labels = Counter(prompt.label for prompt in here)
            answers = Counter(predicted([prompt.text for prompt in here]))
            percent = 100 / len(here)
            told = " ".join(
                f"{name} {percent * labels[name]:.0f} ({percent * answers[name]:.0f})"
                for name in PAPER
            )
            print(f"  {file}: {told}")
        print("  paper:", " ".join(f"{name} {100 * share:.1f}" for name, share in PAPER.items()))


def test_throughput(capsys):
    texts = [prompt.text for prompt in labelled_prompts()] * 10
    conversations = [[Message("user", text)] for text in texts]
    use_cases(conversations[:10])
    start = time.process_time()
    use_cases(conversations)
    rate = len(texts) / (time.process_time() - start)
    with capsys.disabled():
        print(f"\n{rate:,.0f} prompts per CPU second")
    assert rate >= 20_000
