"""The examples of the stage's README are true, and its text has them."""

from collections import Counter
from pathlib import Path

import pytest
from prompts_rows import prepared, row

import components.prompts
from components.core.records import Message, RawPrompt
from components.prompts.split import split_of
from components.prompts.text.use_case import use_case

README = Path(str(components.prompts.__file__)).with_name("README.md").read_text("utf-8")
LETTER = "Please write a short letter to my landlord about the broken heating"
SHOTS = "".join(
    f"Animal: {animal}\nSound: {sound}\n"
    for animal, sound in (("cow", "moo"), ("dog", "woof"), ("cat", "meow"), ("duck", "quack"))
)


def said(*texts: str) -> tuple[str, ...]:
    for text in texts:
        assert text in README, text
    return texts


def test_malformed_rows_and_their_rules() -> None:
    (ending, unseen) = said(
        "messages do not end with a user's turn",
        "the user's last turn holds nothing but invisible characters",
    )
    rows = [
        RawPrompt("p0", "u", "api", "plain", (Message("assistant", "hi"),), 0),
        row(1, "\u200b"),
    ]
    outcome = prepared([*rows, row(9, "what is rain?")])
    assert [(reject.id, reject.rule) for reject in outcome.rejects] == [
        ("p0", f"malformed: {ending}"),
        ("p1", f"malformed: {unseen}"),
    ]


def test_ids_that_name_a_person() -> None:
    addresses = said("jo@example.org", "jo%40example.org-3", "jo＠example.org")
    users = said("jo.miller-17", "JO.MILLER/17", "jo%2Emiller17")
    numbers = said("+4915112340008-17", "219-09-4410")
    rows = [
        *((name, "u", "id holds an address") for name in addresses),
        *((name, "jo.miller", "id holds its user's id") for name in users),
        (numbers[0], "u", "id holds a phone number"),
        (numbers[1], "u", "id holds a social security number"),
        ("jo.miller-17", "", "user_id is empty"),
    ]
    turns = (Message("user", "hi"),)
    raw = [RawPrompt(name, user, "api", "plain", turns, 0) for name, user, _ in rows]
    outcome = prepared([*raw, row(9, "what is rain?")])
    said("malformed: id holds an address", "its user's id", "a phone number", "user_id is empty")
    assert [(reject.id, reject.rule) for reject in outcome.rejects] == [
        ("", f"malformed: {wrong}") for *_, wrong in rows
    ]


def test_exact_duplicates() -> None:
    said("Write a POEM about rain", "write  a poem about ｒain")
    texts = ["Write a POEM about rain", "write  a poem\u200b about ｒain"]
    outcome = prepared([row(number, text) for number, text in enumerate(texts)])
    assert [(r.reason, r.rule) for r in outcome.rejects] == [
        ("duplicate", "exact: same normal form")
    ]
    mails = said("mail a@example.org today", "mail b@example.org today")
    outcome = prepared([row(number, text) for number, text in enumerate(mails)])
    assert [p.messages[0].content for p in outcome.prompts] == list(said("mail [EMAIL_1] today"))


def test_near_duplicates() -> None:
    said(LETTER, "the same with `!!!` | 0.95")
    outcome = prepared([row(0, LETTER), row(1, LETTER + "!!!")])
    assert [(r.id, r.survivor) for r in outcome.rejects] == [("p0", "p1")]
    assert outcome.rejects[0].similarity == pytest.approx(0.95, abs=0.005)
    short = said("What is two plus two?", "What is two plus ten?")
    assert len(prepared([row(number, text) for number, text in enumerate(short)]).prompts) == 2


def test_few_shot_prompts_of_one_template() -> None:
    said("Animal: sheep         Animal: horse")
    rows = [
        row(number, f"{SHOTS}Animal: {animal}\nSound:", kind="few_shot")
        for number, animal in enumerate(("sheep", "horse"))
    ]
    assert len(prepared(rows).prompts) == 2


def test_what_the_prefix_rule_misses_and_drops() -> None:
    said("Hello! Please write ...")
    greeted = [row(0, LETTER), row(1, f"Hello! {LETTER}")]
    assert len(prepared(greeted).prompts) == 1
    assert len(prepared(greeted, dedup={"method": "prefix"}).prompts) == 2
    # One instruction, two short inputs: most of the text is the instruction.
    instruction = "Rewrite the following sentence so that it becomes clearer for a young reader: "
    inputs = [row(0, f"{instruction}it rains here"), row(1, f"{instruction}buy no fish")]
    assert len(prepared(inputs, dedup={"method": "prefix"}).prompts) == 1
    assert len(prepared(inputs).prompts) == 2


def test_caps_and_splits() -> None:
    said("Of 230 prompts of one user the 200", '{"user_cap": {"api": 100, "labeler": 500}}')
    rows = [row(number, f"question {number}") for number in range(230)]
    outcome = prepared(rows)
    assert Counter(r.reason for r in outcome.rejects) == {"user_cap": 30}
    said("`acme` is in train and `globex` in test")
    splits = {name: split_of(name, "instructflow", 0.1, 0.1) for name in ("acme", "globex")}
    assert splits == {"acme": "train", "globex": "test"}


def test_use_cases() -> None:
    examples = {
        "Write a poem": "generation",
        "List ten names for a dog": "brainstorming",
        "Who built the Statue of Liberty?": "open_qa",
    }
    said(*examples)
    assert {text: use_case([Message("user", text)]) for text in examples} == examples
