import pytest

from components.prompts.row_ids import person_in


@pytest.mark.parametrize(
    ("row_id", "user_id", "expected"),
    [
        ("log-000017", "acme-corp", ""),
        ("ada@example.org", "u1", "an address"),
        ("acme-corp", "acme-corp", "its user's id"),
        ("acme-corp-17", "acme-corp", "its user's id"),
        ("2026/acme-corp/17", "acme-corp", "its user's id"),
        ("17", "17", ""),  # numbers of rows and of users meet by chance
        ("user17-1", "user1", ""),  # no word of its own
        ("xuser1 user1", "user1", "its user's id"),  # the second one is
        ("user1", "user17", ""),
        ("", "", ""),
    ],
)
def test_id_that_names_a_person_is_told(row_id: str, user_id: str, expected: str) -> None:
    assert person_in(row_id, user_id) == expected


def test_hostile_id_takes_linear_time() -> None:
    # 200,000 places to look at; a copy of the text at each would take minutes.
    assert person_in("aaaa" * 50_000 + "b", "aaaa") == ""
