"""What counts as a false statement, and what is none."""

import pytest

from components.sandbox.requests import Request
from components.sandbox.statements import false_statements, statement_holds
from components.sandbox.vocabulary import COLOURS, PLACES, draw_world

WORLD = draw_world(0)
RIGHT, THERE, ZED = WORLD.colour["fig"], WORLD.place["fig"], WORLD.zed["fig"]
WRONG = next(colour for colour in COLOURS if colour != RIGHT)
ELSEWHERE = next(place for place in PLACES if place != THERE)
PASSAGE = "anna went to the lake. anna took the fig."


@pytest.mark.parametrize(
    ("sentence", "holds"),
    [
        (f"the fig is {RIGHT}", True),
        (f"i know that the fig is {RIGHT}", True),
        (f"the fig is {WRONG}", False),
        (f"the fig is at the {THERE}", True),
        (f"the fig is at the {ELSEWHERE}", False),
        ("the fig is a fruit", True),
        ("the fig is an animal", False),
        (f"fig in zed is {ZED}", True),
        ("fig in zed is fig", False),
        ("the opposite of hot is cold", True),
        ("the opposite of hot is big", False),
        ("two plus three is five", True),
        ("two plus three is six", False),
        # There is no number beyond ten in this world.
        ("nine plus nine is ten", False),
        # Nothing that could be checked.
        ("the fig is nice", None),
        ("i hope this helps you", None),
        ("anna took the fig", None),
        ("", None),
    ],
)
def test_statements_about_the_world(sentence: str, holds: bool | None) -> None:
    assert statement_holds(sentence, WORLD) is holds


def test_every_false_sentence_counts() -> None:
    request = Request("place", {"object": "fig"})
    answer = f"the fig is {WRONG}. the fig is at the {THERE}. two plus two is five."
    assert false_statements(request, answer, WORLD) == 2


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("anna took the fig.", 0),
        ("ben took the fig.", 1),
        ("anna went to the mill. anna took the owl.", 2),
        ("anna is nice.", 0),
    ],
)
def test_of_a_passage_only_what_it_tells_is_true(answer: str, count: int) -> None:
    request = Request("where", {"passage": PASSAGE, "name": "anna"})
    assert false_statements(request, answer, WORLD) == count


def test_a_story_may_invent_and_a_review_or_rewriting_says_what_it_was_asked_to() -> None:
    story = Request("story", {"name": "anna", "object": "fig"})
    assert false_statements(story, "ben took the owl.", WORLD) == 0
    answer = f"the fig is {WRONG}."
    for skill, count in {"review": 0, "swap": 0, "negate": 0, "colour": 1, "song": 1}.items():
        assert false_statements(Request(skill, {"object": "fig"}), answer, WORLD) == count
