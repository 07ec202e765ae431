"""A prompt can be read back, whatever its wording: what the gold score stands on."""

from collections.abc import Callable

import pytest
from asking import ASKED, ask, drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.records import Message
from components.sandbox.requests import Request, parse
from components.sandbox.vocabulary import NAMES, draw_world
from components.sandbox.wordings import CONSTRAINTS, CUSTOMERS, OPENERS, SKILLS, Constraint

WORLD = draw_world(3)
REQUESTS = st.builds(
    lambda asked, seed: drawn(WORLD, *asked, seed), st.sampled_from(ASKED), st.integers(0, 10**6)
)


def without_opener(request: Request) -> bool:
    """Prompts with shots and prompts that tell a name stand alone."""
    return request.skill.startswith("shots_")


@settings(max_examples=500, deadline=None)
@given(REQUESTS, st.integers(0, 10**6), st.sampled_from(["", *OPENERS, *CUSTOMERS]))
def test_what_was_asked_is_read_back(request: Request, seed: int, opener: str) -> None:
    opener = "" if without_opener(request) else opener
    assert parse(ask(request, seed, opener)) == request


@pytest.mark.parametrize("skill", SKILLS)
@pytest.mark.parametrize("constraint", ["", *CONSTRAINTS])
def test_every_skill_is_read_back_with_every_constraint(skill: str, constraint: Constraint) -> None:
    for seed in range(20):
        request = drawn(WORLD, skill, constraint, seed)
        assert parse(ask(request, seed)) == request


@settings(max_examples=200, deadline=None)
@given(REQUESTS, st.integers(0, 10**6), st.sampled_from([str.upper, str.title, str.capitalize]))
def test_letters_and_white_space_do_not_matter(
    request: Request, seed: int, written: Callable[[str], str]
) -> None:
    loud = tuple(
        Message(m.role, "  " + written(m.content).replace(" ", " \n") + " ")
        for m in ask(request, seed)
    )
    assert parse(loud) == request


@settings(max_examples=100, deadline=None)
@given(REQUESTS, st.integers(0, 10**6))
def test_what_stands_before_does_not_matter(request: Request, seed: int) -> None:
    """A redacted value, an earlier turn: the last turn's last words are the request."""
    if without_opener(request):
        return
    messages = ask(request, seed, opener="my email is [EMAIL_1].")
    if request.skill != "recall":
        messages = (Message("user", "are you there?"), Message("assistant", "hello."), *messages)
    assert parse(messages) == request


def test_a_name_is_recalled_from_earlier_turns_only() -> None:
    request = Request("recall", {"name": NAMES[2]})
    hello, answer, question = ask(request)
    assert parse((hello, answer, question)) == request
    assert parse((question,)) is None
    assert parse((Message("assistant", f"i am {NAMES[2]}."), question)) is None


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (Message("user", ""),),
        (Message("assistant", "what colour is the fig?"),),
        (Message("user", "explain the moon landing to a six year old."),),
        (Message("system", "be short."), Message("user", "[EMAIL_1]")),
    ],
)
def test_what_nobody_of_this_world_asks_is_not_understood(messages: tuple[Message, ...]) -> None:
    assert parse(messages) is None


def test_a_damaged_word_is_not_taken_for_another() -> None:
    """A typo in the object: better not understood than answered for something else."""
    for seed in range(30):
        request = drawn(WORLD, "colour", "", seed)
        (message,) = ask(request, seed)
        damaged = message.content.replace(request.slots["object"], "q" + request.slots["object"])
        assert parse((Message("user", damaged),)) is None
