"""The page: self-contained, safe, whole with and without labels."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from components.core.records import FLAGS, Message
from components.core.statistics import Interval
from components.evaluation.answers import Answer, Answers
from components.evaluation.curves import Curve
from components.evaluation.figures import bars, curves, preference
from components.evaluation.lineage_figure import direct_parents, layers, lineage_figure, slots
from components.evaluation.public_tasks import PublicTasks
from components.evaluation.report import render
from components.evaluation.results import LineageNode, Results, tax_taken_back
from components.evaluation.svg import Scale, ticks

HOSTILE = "<script>alert(1)</script><img src=http://x.example/a.png>"
LOSSES = {"base": 0.70, "sft": 0.78, "ppo": 0.88, "ppo_ptx": 0.73}


def node(name: str, *parents: str) -> LineageNode:
    return LineageNode(f"s3://b/{name}#sha256={name}", "dataset", name, 3, 9, "x", "c", parents)


def public(loss: float) -> PublicTasks:
    return PublicTasks(
        Interval(loss, loss - 0.01, loss + 0.01, 30), 0.5, Interval(0.8, 0.7, 0.9, 30)
    )


RESULTS = Results(
    baseline="sft",
    policies=[],
    win_rates={
        "base": Interval(0.2, 0.17, 0.23, 40),
        "sft": Interval(0.5, 0.5, 0.5, 40),
        "ppo_ptx": Interval(0.6, 0.55, 0.65, 40),
    },
    head_to_head={
        "base": {"sft": 0.2, "ppo_ptx": 0.15},
        "sft": {"base": 0.8, "ppo_ptx": 0.4},
        "ppo_ptx": {"base": 0.85, "sft": 0.6},
    },
    flags={"base": dict.fromkeys(FLAGS, 0.25), "ppo_ptx": dict.fromkeys(FLAGS, 0.0)},
    agreement={"heldout": Interval(0.731, 0.7, 0.76, 40)},
    judgments=120,
    public_tasks={system: public(loss) for system, loss in LOSSES.items()},
    gold={"sft": Interval(0.9, 0.8, 1.0, 40)},
    reward={"sft": Interval(0.1, 0.0, 0.2, 40), "ppo_ptx": Interval(0.5, 0.4, 0.6, 40)},
    reward_gain={"ppo_ptx": Interval(0.4, 0.3, 0.5, 40)},
    curves={"ppo_ptx": Curve((0, 5), (0.0, 1.5), (0.0, 2.0), (0.9, 1.2))},
    histories={"ppo_ptx": Curve((1, 2), (0.1, 0.2), (0.3, 0.4), ())},
    answers=[Answers("p", (Message("user", HOSTILE),), (Answer("o", HOSTILE, ("sft",)),))],
    work={
        "human_eval_import.comparisons": {"agreement": 0.724},
        "prompts": {"raw": 1791.0, "kept": 1300.0, "rejected.too_long": 491.0},
        "reward_model": {"rankings": 9.0, "outputs": 30.0, "accuracy": 0.654},
    },
    losses={"pretraining.base": [8.0, 6.5, 5.25], "sft": [3.5]},
    lineage=[node("a"), node("b", "s3://b/a#sha256=a")],
)


class Tags(HTMLParser):
    """Collects elements and checks that they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        assert tag not in ("script", "img", "iframe", "link")
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


@pytest.mark.parametrize(
    "results",
    [
        RESULTS,
        replace(RESULTS, win_rates={}, head_to_head={}, flags={}, agreement={}, gold={}),
        Results(baseline="sft", policies=[]),
    ],
    ids=["with labels", "without labels", "with nothing"],
)
def test_the_page_is_well_formed_and_takes_nothing_from_outside(results: Results) -> None:
    page = render(results, examples=3, seed=0)
    tags = parsed(page)
    assert not [name for name, _ in tags.attributes if name in ("src", "href", "onload")]
    assert not re.search(r"url\(|@import|https?://(?!x\.example)", page)


def test_text_of_models_and_users_is_escaped() -> None:
    page = render(RESULTS, examples=3, seed=0)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_tells_what_was_measured_beside_the_paper() -> None:
    page = render(RESULTS, examples=0, seed=0)
    for figure in ("60.0%", "55.0%", "73.1%", "72.4%", "72.6 ± 1.5%", "85.0%", "85 ± 3%"):
        assert figure in page
    # PPO adds 0.10, PPO-ptx takes 0.15 of it back.
    assert "150%" in page


def test_the_page_tells_what_the_policies_were_made_of() -> None:
    page = render(RESULTS, examples=0, seed=0)
    assert "1,300 of 1,791 raw prompts kept; dropped: 491 too long" in page
    assert "9 rankings of 30 outputs; right on 65.4% of held-out pairs" in page
    assert "8.000 to 5.250" in page
    # One point is no curve.
    assert "SFT loss" not in page


def test_without_labels_the_reward_stands_on_top() -> None:
    page = render(replace(RESULTS, win_rates={}), examples=0, seed=0)
    top = page[page.index("<h1>") : page.index("<h2>")]
    assert "No labels have come back yet" in top
    assert "<b>+0.40</b><span>reward of PPO-ptx over SFT</span>" in top
    assert "<b>0.20</b><span>nats of KL from PPO-ptx to SFT</span>" in top
    assert "<b>65.4%</b>" in top
    assert "+0.40 (+0.30 to +0.50)" in page


def test_the_same_results_give_the_same_page() -> None:
    assert render(RESULTS, examples=3, seed=0) == render(RESULTS, examples=3, seed=0)


def test_tax_taken_back() -> None:
    assert tax_taken_back(LOSSES) == pytest.approx(1.5)
    assert tax_taken_back({**LOSSES, "ppo": 0.7}) is None
    assert tax_taken_back({"sft": 1.0}) is None


def test_the_summary_has_its_keys_and_no_nan() -> None:
    summary = RESULTS.summary()
    assert summary["win_rates"]["ppo_ptx"] == {
        "win_rate": 0.6, "ci_low": 0.55, "ci_high": 0.65, "n": 40,
    }  # fmt: skip
    assert list(summary["public_tasks"]) == ["base", "sft", "ppo", "ppo_ptx"]
    assert summary["public_tasks"]["ppo"]["loss"] == 0.88
    assert summary["gold"] == {"sft": 0.9}
    assert summary["reward"] == {"sft": 0.1, "ppo_ptx": 0.5}
    assert summary["reward_gain"]["ppo_ptx"] == {
        "gain": 0.4, "ci_low": 0.3, "ci_high": 0.5, "n": 40,
    }  # fmt: skip
    # Aligned with the samples, where there are any.
    assert summary["ppo"]["ppo_ptx"] == {
        "iteration": [0, 5], "kl": [0.0, 1.5], "reward": [0.0, 2.0], "gold": [0.9, 1.2],
    }  # fmt: skip
    nothing = PublicTasks(Interval(1.0, 1.0, 1.0, 1), 1.0, Interval(*[float("nan")] * 3, 0))
    empty = replace(RESULTS, public_tasks={"sft": nothing})
    assert empty.summary()["public_tasks"]["sft"]["accuracy"] is None
    assert "public_accuracy.sft" not in empty.headline()


def test_figures_hold_every_system_and_its_value() -> None:
    drawn = preference(RESULTS.win_rates, "sft")
    assert drawn.count("<circle") == 3
    assert "60.0% [55.0%, 65.0%], n=40" in drawn
    assert bars({"a": Interval(1.0, 1.0, 1.0, 1)}, "c", from_zero=False).count("<rect") == 1
    assert curves({"a": [(0.0, 1.0)]}, "x", "y").count("<circle") == 1
    assert curves({"a": [(float(n), 2.0 * n) for n in range(80)]}, "x", "y").count("<circle") == 1


def test_ticks_are_round_and_cover_the_range() -> None:
    assert ticks(0.0, 1.0) == [0.0, 0.25, 0.5, 0.75, 1.0]
    for low, high in ((0.61, 0.98), (-3.0, 17.0), (0.0, 1e-4), (250.0, 9000.0)):
        marks = ticks(low, high)
        assert marks[0] <= low
        assert marks[-1] >= high
        assert 3 <= len(marks) <= 9
    assert Scale(0.0, 2.0, 10.0, 30.0)(1.0) == 20.0


def test_lineage_is_layered_by_depth_and_without_implied_lines() -> None:
    a, b = "s3://b/a#sha256=a", "s3://b/b#sha256=b"
    nodes = [node("a"), node("b", a), node("c", a, b, "s3://gone#sha256=x")]
    assert [[n.name for n in column] for column in layers(nodes)] == [["a"], ["b"], ["c"]]
    assert direct_parents(nodes[2], nodes) == [b]


def test_a_line_that_passes_a_column_has_a_lane_of_its_own() -> None:
    a, b = "s3://b/a#sha256=a", "s3://b/b#sha256=b"
    # d is made of b and of x, which is as old as a: its line passes the column of b.
    x = "s3://b/x#sha256=x"
    nodes = [node("a"), node("x"), node("b", a), node("d", b, x)]
    d = "s3://b/d#sha256=d"
    assert [set(column) for column in slots(nodes)] == [{a, x}, {b, (x, d)}, {d}]
    assert lineage_figure(nodes).count("<rect") == 4
    assert lineage_figure(nodes).count("<path") == 3
