"""Use cases: the paper's ten, the same alone and in a batch, for any text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.records import Message
from components.prompts.text.use_case import PAPER, POINTS, use_case, use_cases
from components.prompts.text.use_case_cues import cues


def of(text: str) -> str:
    return use_case([Message("user", text)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The paper's own examples, table 1 and appendix A.2, or close to them.
        ("List five ideas for how to regain enthusiasm for my career", "brainstorming"),
        ("Write a short story where a brown bear makes friends with a seal", "generation"),
        ("Who built the statue of liberty?", "open_qa"),
        ("How do you take the derivative of the sin function?", "open_qa"),
        ("Extract all place names from the article below:\n\nThe train left Kyiv.", "extract"),
        ("Rewrite the following text to be more light-hearted:\n\nIt rains.", "rewrite"),
        ("Translate this sentence to Spanish: the cat sleeps", "rewrite"),
        ("Summarize this for a second-grade student:\n\nJupiter is large.", "summarization"),
        ("Could you please classify the sentiment of this review as positive or negative?",
         "classification"),
        ("I want you to act as a rude waiter. I will be your guest and you answer me.", "chat"),
        ("Read the passage below and answer the question: where did she go? "
         "Passage: She took the train to Rome on Monday and was back on Friday.", "closed_qa"),
        ("qwxz", "other"),
        ("", "other"),
    ],
)  # fmt: skip
def test_clear_ones(text: str, expected: str) -> None:
    assert of(text) == expected


def test_a_conversation_is_a_chat_whatever_it_asks() -> None:
    turns = [Message("user", "hi"), Message("assistant", "hello"), Message("user", "Write a poem")]
    assert use_case(turns) == "chat"
    assert use_case(turns[2:]) == "generation"


def test_politeness_in_front_changes_no_opening() -> None:
    bare = {
        cue for cue in cues("summarize the article") if cue.startswith(("first", "0", "2", "3"))
    }
    polite = cues("Hi, could you please summarize the article")
    assert "first:summarize" in bare
    assert bare <= set(polite)


def test_a_batch_is_as_one_by_one() -> None:
    texts = ["Write a poem", "qwxz", "Why is the sky blue?", "", "List ten names for a dog"]
    conversations = [[Message("user", text)] for text in texts]
    conversations.insert(2, [Message("user", "a"), Message("assistant", "b"), Message("user", "c")])
    assert use_cases(conversations) == [use_case(one) for one in conversations]
    assert use_cases([]) == []


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=700))
def test_any_text_is_one_of_the_ten(text: str) -> None:
    assert of(text) in PAPER


@pytest.mark.parametrize(
    "text", ["given " * 200_000, "as a, " * 200_000, "\n- " * 300_000, "?" * 10**6]
)
def test_hostile_texts_take_no_longer(text: str) -> None:
    start = time.process_time()
    of(text)
    assert time.process_time() - start < 0.2


def test_points_are_a_table_of_the_papers_use_cases() -> None:
    header, start, *rows = POINTS.read_text(encoding="utf-8").splitlines()
    assert header.split(",") == ["cue", *PAPER]
    assert start.startswith("start,")
    assert len(rows) > 1000
