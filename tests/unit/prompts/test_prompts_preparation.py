"""The steps together: counts, reasons, caps, splits, pseudonyms, what is never published."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompts_rows import LONG, logged, prepared, row

from components.core.records import Message, RawPrompt
from components.prompts.report.page import page
from components.prompts.split import split_of
from components.prompts.text.use_case import PAPER, use_case


def test_every_reason_once() -> None:
    outcome = prepared(
        [
            row(0, LONG, time=5),
            row(1, LONG.upper(), time=3),
            row(2, LONG + "!", time=4),
            row(3, "my card is 4111 1111 1111 1111, is it valid?"),
            row(4, "word " * 1001),
            row(5, " \n"),
            row(6, "x" * 100_001),
            row(7, "hello", user=" "),
            row(0, "another text under an id that was there before"),
            RawPrompt("p9", "u1", "api", "plain", (Message("assistant", "hi"),), 0),
            row(10, " \u200b\u200b"),
            row(11, "what is two and two?"),
        ]
    )
    assert outcome.reasons() == {
        0: ("duplicate", "p2"),
        1: ("duplicate", "p2"),
        3: ("pii", ""),
        4: ("too_long", ""),
        5: ("malformed", ""),
        6: ("too_long", ""),
        7: ("malformed", ""),
        8: ("duplicate_id", ""),
        9: ("malformed", ""),
        10: ("malformed", ""),
    }
    assert [prompt.id for prompt in outcome.prompts] == ["p2", "p11"]
    near = next(reject for reject in outcome.rejects if reject.row == 1)
    assert near.rule.startswith("minhash: Jaccard")
    assert near.similarity == pytest.approx(83 / 84, abs=0.01)


def test_an_exact_duplicate_of_a_dropped_prompt_goes_for_the_same_reason() -> None:
    text = "my key is AKIAIOSFODNN7EXAMPLE, does it work?"
    outcome = prepared([row(0, text), row(1, text), row(2, "hello there")])
    assert [reject.reason for reject in outcome.rejects] == ["pii", "pii"]
    assert outcome.rejects[1].rule == "pii: holds SECRET; its exact duplicate"


def test_a_longer_member_that_may_not_be_published_does_not_take_its_cluster_along() -> None:
    outcome = prepared([row(0, LONG), row(1, f"{LONG} 536-22-1234")])
    assert [prompt.id for prompt in outcome.prompts] == ["p0"]
    assert outcome.reasons() == {1: ("pii", "")}


def test_what_redaction_makes_equal_is_one() -> None:
    outcome = prepared([row(0, "mail a@x.org", time=2), row(1, "mail b@x.org", time=1)])
    assert [prompt.id for prompt in outcome.prompts] == ["p1"]
    assert outcome.rejects[0].rule == "exact: same normal form after redaction"
    assert outcome.prompts[0].messages[0].content == "mail [EMAIL_1]"


def test_cap_per_user_is_deterministic_and_spares_labelers() -> None:
    rng = random.Random(0)
    rows = [row(i, f"question {i} {rng.random()}", user="busy") for i in range(30)]
    rows += [row(100 + i, f"task {i} {rng.random()}", "lab", "labeler") for i in range(30)]
    outcome = prepared(rows, user_cap={"api": 10})
    kept = {prompt.id for prompt in outcome.prompts}
    assert len(kept) == 40
    again = prepared(rows[::-1], user_cap={"api": 10})
    assert {prompt.id for prompt in again.prompts} == kept
    assert Counter(r.reason for r in outcome.rejects) == {"user_cap": 20}
    assert len(prepared(rows, user_cap={"api": 10, "labeler": 5}).prompts) == 15


def test_users_stand_in_one_split_and_never_move() -> None:
    rng = random.Random(1)
    users = [f"user-{i}" for i in range(300)]
    rows = [row(i, f"ask {rng.random()} {i}", rng.choice(users)) for i in range(900)]
    outcome = prepared(rows)
    splits: dict[str, set[str]] = {}
    for prompt in outcome.prompts:
        splits.setdefault(prompt.user_id, set()).add(prompt.split)
    assert all(len(found) == 1 for found in splits.values())
    by_id = {prompt.id: prompt.split for prompt in outcome.prompts}
    half = prepared(rows[::2])
    assert all(by_id[prompt.id] == prompt.split for prompt in half.prompts)


def test_shares_of_splits_are_those_of_the_config() -> None:
    counts = Counter(split_of(f"u{i}", "key", 0.2, 0.1) for i in range(10_000))
    assert counts["validation"] == pytest.approx(2000, abs=150)
    assert counts["test"] == pytest.approx(1000, abs=120)
    other = Counter(split_of(f"u{i}", "key", 0.2, 0.1) == split_of(f"u{i}", "k2", 0.2, 0.1)
                    for i in range(1000))  # fmt: skip
    assert other[False] > 300


def test_user_ids_are_never_published() -> None:
    rows = [row(i, f"question number {i}", user=f"company-{i % 3}") for i in range(9)]
    for secret in ("", "a secret"):
        published = [prompt.user_id for prompt in prepared(rows, secret).prompts]
        assert len(set(published)) == 3
        assert not any("company" in user for user in published)
    assert prepared(rows).prompts[0].user_id == "user-000001"
    one, two = (prepared(rows[start:], "a secret").prompts for start in (0, 1))
    assert one[1].user_id == two[0].user_id  # with a secret, rounds can be linked
    assert one[1].user_id != prepared(rows, "another").prompts[1].user_id


def test_the_audit_holds_no_value_and_the_page_no_text() -> None:
    rows = [row(0, "mail jo.miller@example.com about <b>cats</b>"), row(1, "card 4111111111111111")]
    outcome = prepared(rows)
    report = outcome.report
    shown = f"{report}{page(report)}{outcome.rejects}"
    for value in ("jo.miller", "4111111111111111", "cats", "u1"):
        assert value not in shown
    assert report["raw"] == report["kept"] + sum(report["rejected"].values())
    assert [(p["entity"], p["action"], p["values"], p["rows"]) for p in report["pii"]] == [
        ("CARD", "drop", 1, ["p1"]),
        ("EMAIL", "redact", 1, ["p0"]),
    ]


def test_an_id_that_is_an_address_is_refused_and_not_repeated() -> None:
    outcome = prepared([RawPrompt("jo@x.org", "u", "api", "plain", (Message("user", "hi"),), 0)])
    assert outcome.rejects[0].reason == "malformed"
    assert outcome.rejects[0].id == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write a short story about a fox.", "generation"),
        ("Who built the tower of London?", "open_qa"),
        ("List five ideas for a birthday party", "brainstorming"),
        ("I want you to act as a travel guide.", "chat"),
        ("Rewrite this sentence: i is here", "rewrite"),
        ("Summarize this article for a child", "summarization"),
        ("Classify the sentiment of this tweet", "classification"),
        ("Read the passage and answer: where did she go?", "closed_qa"),
        ("Extract all names from the letter", "extract"),
        ("asdf", "other"),
    ],
)
def test_use_cases_of_the_paper(text: str, expected: str) -> None:
    assert expected in PAPER
    assert use_case((Message("user", text),)) == expected


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from(["", " ", "a", "b", "c@x.org"]),
            st.one_of(
                st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60),
                st.sampled_from([LONG, LONG + " now", "4111111111111111", "me@x.org", "x " * 1200]),
            ),
        ),
        max_size=15,
    )
)
def test_counts_add_up_whatever_comes_in(rows: list[tuple[int, str, str]]) -> None:
    outcome = prepared(
        [row(number, text, user) for number, user, text in rows], user_cap={"api": 2}
    )
    positions = sorted(reject.row for reject in outcome.rejects)
    assert len(set(positions)) == len(positions)
    assert len({prompt.id for prompt in outcome.prompts}) == len(outcome.prompts)
    assert max(Counter(p.user_id for p in outcome.prompts).values(), default=0) <= 2


def test_languages_that_are_not_in_the_list_go_and_without_a_list_none_do() -> None:
    german = "Wie backe ich zu Hause ein gutes Brot mit Sauerteig?"
    rows = [row(0, LONG), row(1, german), row(2, german), row(3, "12 + 30")]
    found = {p.id: p.language for p in prepared(rows).prompts}
    assert found == {"p0": "en", "p1": "de", "p3": "und"}
    outcome = prepared(rows, languages=["en", "und"])
    assert [prompt.id for prompt in outcome.prompts] == ["p0", "p3"]
    assert [(r.row, r.reason, r.rule) for r in outcome.rejects] == [
        (1, "language", "languages: de is not in the list"),
        (2, "language", "languages: de is not in the list; its exact duplicate"),
    ]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_nothing_depends_on_how_rows_are_cut_into_batches(size: int) -> None:
    rows = logged(150)
    assert prepared(rows, size=size) == prepared(rows, size=41)


def test_rows_of_which_none_can_be_used_all_come_out_as_rejects() -> None:
    outcome = prepared([row(number, " ") for number in range(5)])
    assert [reject.reason for reject in outcome.rejects] == ["malformed"] * 5


def test_rejected_duplicates_name_the_cluster_that_their_survivor_stands_for() -> None:
    outcome = prepared([row(0, LONG), row(1, LONG + "!"), row(2, LONG.upper()), row(3, " ")])
    (kept,) = outcome.prompts
    assert [(r.row, r.survivor, r.cluster) for r in outcome.rejects] == [
        (0, "p1", kept.cluster),
        (2, "p1", kept.cluster),
        (3, "", ""),
    ]
