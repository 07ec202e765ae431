"""A user who is over the cap takes no prompt of others along."""

import random
from collections import Counter

from prompts_rows import LONG, WORDS, logged, prepared, row

from components.core.records import RawPrompt


def distinct(count: int) -> list[str]:
    rng = random.Random(3)
    return [" ".join(rng.choices(WORDS, k=20)) for _ in range(count)]


def test_what_others_wrote_as_well_stays() -> None:
    texts = distinct(30)
    rows = [row(number, text, "heavy") for number, text in enumerate(texts)]
    rows += [row(30 + number, text, f"user {number}") for number, text in enumerate(texts)]
    outcome = prepared(rows, user_cap={"api": 20})
    # Of each text one row: 20 of the heavy user's, who came first, and 10 of those who wrote the
    # same as his others.
    assert len(outcome.prompts) == 30
    assert Counter(reject.reason for reject in outcome.rejects) == {"duplicate": 30}
    kept = {prompt.id for prompt in outcome.prompts}
    assert sum(int(name[1:]) < 30 for name in kept) == 20
    assert {reject.survivor for reject in outcome.rejects} == kept


def test_nor_does_a_longer_near_duplicate_that_is_over_the_cap() -> None:
    texts = distinct(12)
    rows = [row(number, f"{text} {LONG} now", "heavy") for number, text in enumerate(texts)]
    rows += [row(12 + at, f"{text} {LONG}", f"user {at}") for at, text in enumerate(texts)]
    outcome = prepared(rows, user_cap={"api": 5})
    assert len(outcome.prompts) == 12
    assert Counter(reject.reason for reject in outcome.rejects) == {"duplicate": 12}
    # The rule is the longest; only rows over the cap give way.
    assert Counter(int(p.id[1:]) < 12 for p in outcome.prompts) == {True: 5, False: 7}


def test_a_users_own_copies_are_one_prompt_of_the_cap() -> None:
    texts = distinct(4)
    rows = [row(number, texts[number % 4], "heavy") for number in range(40)]
    outcome = prepared(rows, user_cap={"api": 4})
    assert len(outcome.prompts) == 4
    assert Counter(reject.reason for reject in outcome.rejects) == {"duplicate": 36}


def test_no_row_of_a_user_within_the_cap_is_lost_to_one_who_is_not() -> None:
    cap = 4
    rows: list[RawPrompt] = logged(400)
    every = Counter(one.user_id for one in rows)
    for number, one in enumerate(rows):
        if number % 3:  # most are of few users
            rows[number] = row(number, one.messages[0].content, f"heavy {number % 2}")
            every[one.user_id] -= 1
            every[f"heavy {number % 2}"] += 1
    outcome = prepared(rows, user_cap={"api": cap})
    kept = {prompt.id for prompt in outcome.prompts}
    capped = {reject.id for reject in outcome.rejects if reject.reason == "user_cap"}
    assert len(capped) > 50
    light = {f"p{at}" for at, one in enumerate(rows) if every[one.user_id] <= cap}
    assert not light & capped
    lost = [reject for reject in outcome.rejects if reject.id in light and reject.survivor]
    assert lost
    assert {reject.survivor for reject in lost} <= kept
