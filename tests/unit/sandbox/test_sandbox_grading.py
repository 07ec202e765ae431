"""How correct an answer is, skill by skill, by numbers worked out by hand."""

from typing import Any

import pytest

from components.sandbox.grading import Graded, correctness, refuses
from components.sandbox.requests import Request
from components.sandbox.vocabulary import draw_world

WORLD = draw_world(0)
LIST: dict[str, Any] = {"plural": "fruits", "count": "three", "exclude": "fig"}
STORY = {"name": "anna", "object": "fig"}
CARD = {"name": "anna", "other": "ben", "feeling": "happy"}
SUMMARY = {"passage": "anna went to the lake. anna took the fig. anna was sad."}
NEGATE = {"object": "fig", "adjective": "hot", "adjective2": "big"}
SWAP = {"passage": "anna took the fig.", "old": "anna", "new": "ben"}
TEXT = {"passage": "anna gave ben the fig. anna saw the owl."}

CASES: list[tuple[str, dict[str, Any], str, float]] = [
    # A list: the share that was asked for; a quarter off for the excluded, a surplus, a repetition.
    ("list", LIST, "apple, plum, pear.", 1.0),
    ("list", LIST, "i like the apple, the plum and the pear.", 1.0),
    ("list", LIST, "apple.", 1 / 3),
    ("list", LIST, "apple, plum, fig.", 2 / 3 - 0.25),
    ("list", LIST, "apple, plum, pear, lime, melon.", 1 - 0.5),
    ("list", LIST, "apple, apple, plum.", 2 / 3 - 0.25),
    ("list", LIST, "fig.", 0.0),
    # A story: three quarters for what should be in it, one quarter for two events that stand.
    ("story", STORY, "anna went to the lake. anna took the fig.", 1.0),
    ("story", STORY, "anna took the fig.", 0.75 + 0.25 * 0.5),
    ("story", STORY, "ben went to the lake. ben took the fig.", 0.75 * 0.5 + 0.25),
    ("story", STORY, "a story of anna and a fig.", 0.0),
    ("tale", STORY | {"place": "mill"}, "anna went to the lake. anna took the fig.",
     0.75 * 2 / 3 + 0.25),
    # A song: the topic twice, and singing; a quarter off for another topic.
    ("song", {"topic": "lake"}, "oh the lake, i sing of the lake.", 1.0),
    ("song", {"topic": "lake"}, "oh the lake.", 0.75),
    ("song", {"topic": "lake"}, "the lake. the lake.", 0.5),
    ("song", {"topic": "lake"}, "oh the lake, oh the lake, oh the fig.", 0.75),
    # A review: nothing without its thing; 0.4 for being about it, 0.6 for the right side.
    ("review", {"polarity": "good", "object": "fig"}, "the fig is nice. i like it.", 1.0),
    ("review", {"polarity": "bad", "object": "fig"}, "the fig is nice.", 0.4),
    ("review", {"polarity": "good", "object": "fig"}, "the fig is nice and awful.", 0.4),
    ("review", {"polarity": "good", "object": "fig"}, "it is nice.", 0.0),
    # A card: 0.3 for whom it is to, 0.2 for who signs, 0.5 for the wish.
    ("card", CARD, "dear anna, i am glad for you. ben.", 1.0),
    ("card", CARD, "dear anna, i am glad for you.", 0.8),
    ("card", CARD, "dear ben, i am glad for you. anna.", 0.5),
    ("card", CARD, "dear anna, i hope you feel better. ben.", 0.5),
    ("card", CARD | {"feeling": "sad"}, "dear anna, i hope you feel better. ben.", 1.0),
    ("feeling", {"name": "anna", "feeling": "sad"}, "hello anna. i hope you feel better.", 1.0),
    ("feeling", {"name": "anna", "feeling": "sad"}, "hello ben. i hope you feel better.", 0.6),
    ("feeling", {"name": "anna", "feeling": "sad"}, "hello anna.", 0.4),
    # A rewrite: all words as they should be; else at most 0.6, by place.
    ("swap", SWAP, "ben took the fig.", 1.0),
    ("swap", SWAP, "ben took a fig.", 0.6 * 3 / 4),
    ("swap", SWAP, "anna took the fig.", 0.0),
    ("negate", NEGATE, "the fig is cold and small.", 1.0),
    ("negate", NEGATE, "the fig is cold and big.", 0.6),
    ("negate", NEGATE, "it is cold and small.", 0.8),
    # Extraction: F1 of the words.
    ("names", TEXT, "anna, ben.", 1.0),
    ("names", TEXT, "anna.", 2 * 1 / (2 + 1)),
    ("things", TEXT, "fig, owl, lake.", 2 * 2 / (2 + 3)),
    ("things", TEXT, "nothing.", 0.0),
    # A summary: a third each for who, what and where; a third off for what else, 0.3 for length.
    ("summary", SUMMARY, "anna took the fig at the lake.", 1.0),
    ("summary", SUMMARY, "anna took the fig.", 2 / 3),
    ("summary", SUMMARY, "ben took the fig at the lake.", 1 / 3),
    ("summary", SUMMARY, "anna went to the lake. anna took the fig.", 0.7),
    # Words that have to be exact; half for the right ones in a wrong number.
    ("repeat", {"word": "fig", "count": "three"}, "fig fig fig.", 1.0),
    ("repeat", {"word": "fig", "count": "three"}, "fig fig.", 0.5),
    ("repeat", {"word": "fig", "count": "three"}, "fig.", 0.0),
    ("count", {"a": "two", "b": "five"}, "two three four five.", 1.0),
    ("count", {"a": "two", "b": "five"}, "two three four.", 0.5),
    ("count", {"a": "two", "b": "five"}, "five four three two.", 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("skill", "slots", "answer", "grade"), CASES)
def test_grades_by_hand(skill: str, slots: dict[str, Any], answer: str, grade: float) -> None:
    assert correctness(Request(skill, slots), answer, WORLD).correct == pytest.approx(grade)


def test_words_that_constraints_ask_for_are_no_content() -> None:
    for answer in ("sure. fig fig.", "fig fig. thanks.", "sure. fig fig. thanks."):
        request = Request("repeat", {"word": "fig", "count": "two"})
        assert correctness(request, answer, WORLD) == Graded(1.0)


def test_things_of_another_kind_in_a_list_are_false_statements_two_at_most() -> None:
    assert correctness(Request("list", LIST), "apple, plum, dog.", WORLD) == Graded(
        pytest.approx(2 / 3), 1
    )
    assert correctness(Request("list", LIST), "dog, cat, fox.", WORLD) == Graded(0.0, 2)


def test_the_first_sentence_that_answers_decides() -> None:
    request = Request("sum", {"a": "two", "b": "three"})
    assert correctness(request, "five.", WORLD) == Graded(1.0)
    assert correctness(request, "two plus three is five.", WORLD) == Graded(1.0)
    assert correctness(request, "five. no, six.", WORLD) == Graded(1.0)
    assert correctness(request, "six. no, five.", WORLD) == Graded(0.0, 1)
    assert correctness(request, "five or six.", WORLD) == Graded(0.0, 1)
    assert correctness(request, "i know that.", WORLD) == Graded(0.0)


@pytest.mark.parametrize(
    ("skill", "slots", "right", "wrong"),
    [
        ("where", {"passage": "anna went to the lake. ben went to the mill.", "name": "ben"},
         "mill.", "lake."),
        ("who", {"passage": "anna took the fig. ben took the owl.", "object": "fig"},
         "anna.", "ben."),
        ("how", {"passage": "anna was sad. ben was happy.", "name": "anna"}, "sad.", "happy."),
        ("sentiment", {"passage": "the fig is awful. i hate the fig."}, "bad.", "good."),
        ("tone", {"passage": "give me the fig, you fool."}, "it is rude.", "it is polite."),
        ("opposite", {"adjective": "hot"}, "the opposite of hot is cold.", "big."),
        ("category", {"object": "owl"}, "the owl is an animal.", "a toy."),
        ("recall", {"name": "anna"}, "your name is anna.", "your name is ben."),
    ],
)  # fmt: skip
def test_questions_with_one_right_answer(
    skill: str, slots: dict[str, str], right: str, wrong: str
) -> None:
    assert correctness(Request(skill, slots), right, WORLD).correct == 1.0
    assert correctness(Request(skill, slots), wrong, WORLD).correct == 0.0


@pytest.mark.parametrize("skill", ["where", "who", "how", "summary"])
def test_a_passage_without_the_answer_cannot_be_graded(skill: str) -> None:
    slots = {"passage": "nothing happened.", "name": "anna", "object": "fig"}
    with pytest.raises(KeyError):
        correctness(Request(skill, slots), "anna.", WORLD)


def test_refusing() -> None:
    assert refuses("Sorry, I can not help with that.")
    assert not refuses("not at night.")
    assert not refuses("sorry.")
