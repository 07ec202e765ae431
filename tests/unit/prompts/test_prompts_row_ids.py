import random
import uuid
from collections.abc import Callable

import pytest
from prompts_rows import prepared, row

from components.prompts.row_ids import person_in

OF_USER, ADDRESS, PHONE = "its user's id", "an address", "a phone number"


@pytest.mark.parametrize(
    ("row_id", "user_id", "expected"),
    [
        ("log-000017", "acme-corp", ""),
        ("ada@example.org", "u1", ADDRESS),
        ("acme-corp", "acme-corp", OF_USER),
        ("acme-corp-17", "acme-corp", OF_USER),
        ("2026/acme-corp/17", "acme-corp", OF_USER),
        ("17", "17", ""),  # numbers of rows and of users meet by chance
        ("user17-1", "user1", ""),  # no word of its own
        ("xuser1 user1", "user1", OF_USER),  # the second one is
        ("user1", "user17", ""),
        ("", "", ""),
        # Case, width and percent-encoding, in either.
        ("ADA.LOVELACE-17", "ada.lovelace", OF_USER),
        ("ada.lovelace-17", "Ada.Lovelace", OF_USER),
        ("STRASSE/17", "straße", OF_USER),
        ("ａｄａ-17", "ada1", ""),
        ("ａｄａ１-17", "ada1", OF_USER),
        ("ada%2Elovelace-17", "ada.lovelace", OF_USER),
        ("ada％2Elovelace-17", "ada.lovelace", OF_USER),
        ("ada.lovelace-17", "ada%2Elovelace", OF_USER),
        ("ada%40example.org-3", "ada@example.org", ADDRESS),
        ("ada%40example.org-3", "u1", ADDRESS),
        ("ada＠example.org-3", "u1", ADDRESS),
        ("ada (at) example (dot) org", "u1", ADDRESS),
        # Eight characters are nowhere by chance, seven are.
        ("lovelace5", "lovelace", OF_USER),
        ("xlovelace5", "lovelace", OF_USER),
        ("lovelac5", "lovelac", ""),
        ("lovelac-5", "lovelac", OF_USER),
        # An id that is a person's number, alone or as a part.
        ("+4915112340008", "u1", PHONE),
        ("%2B4915112340008", "u1", PHONE),
        ("+4915112340008-17", "u1", PHONE),
        ("chat_+4915112340008_3", "u1", PHONE),
        ("219-09-4410", "u1", "a social security number"),
        ("chat-219-09-4410-3", "u1", "a social security number"),
        ("DE89370400440532013000", "u1", "an IBAN"),
        ("call_6511483166", "u1", ""),  # what follows no word of a sentence
        ("4111111111111111", "u1", ""),  # one number in ten passes for a card
    ],
)
def test_id_that_names_a_person_is_told(row_id: str, user_id: str, expected: str) -> None:
    assert person_in(row_id, user_id) == expected


def hexadecimal(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


@pytest.mark.parametrize(
    "form",
    [
        lambda rng: f"{hexadecimal(rng, 12)}-{rng.randrange(10**6):09d}.{rng.randrange(9)}",
        lambda rng: f"{rng.randrange(10**12):012d}-{rng.randrange(10**6):09d}",
        lambda rng: str(uuid.UUID(int=rng.getrandbits(128))),
        lambda rng: f"chat-{uuid.UUID(int=rng.getrandbits(128))}",
        lambda rng: hexadecimal(rng, 24),
        lambda rng: str(rng.getrandbits(62)),
        lambda rng: f"{1_700_000_000 + rng.randrange(10**8)}-{rng.randrange(1000)}",
        lambda rng: f"2026-0{rng.randrange(1, 9)}-1{rng.randrange(9)}/{rng.randrange(10**6):06d}",
    ],
)
def test_made_up_ids_name_nobody_by_chance(form: Callable[[random.Random], str]) -> None:
    rng = random.Random(4)
    ids = [form(rng) for _ in range(2_000)]
    assert [row_id for row_id in ids if person_in(row_id, "1042")] == []


def test_hostile_id_takes_linear_time() -> None:
    # 200,000 places to look at; a copy of the text at each would take minutes.
    assert person_in("aaaa" * 50_000 + "b", "aaaa") == ""
    assert person_in("%25" * 50_000, "aaaa") == ""
    assert person_in("1-" * 100_000, "aaaa") == ""


@pytest.mark.parametrize("user", [None, "", " \n"])
def test_id_of_a_row_without_a_user_is_not_told(user: str | None) -> None:
    """Whose it is nobody can tell."""
    good = row(1, "what is rain?").to_row()
    outcome = prepared([good, good | {"id": "ada-lovelace-17", "user_id": user}])
    assert [(reject.id, reject.row) for reject in outcome.rejects] == [("", 1)]
