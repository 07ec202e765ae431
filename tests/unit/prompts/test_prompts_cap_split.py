"""The cap's draw and the splits: deterministic, order-free, by source, by group, stable."""

import random
import shlex
import subprocess
import sys
from collections import Counter, defaultdict

import pyarrow as pa
import pytest

from components.core.config import ConfigError
from components.core.errors import UserError
from components.prompts.cap import draw, over_cap
from components.prompts.config import PromptsConfig
from components.prompts.split import PSEUDONYM_KEY, pseudonym_secret, split_of, split_unit
from components.prompts.tables import Tables


def over(
    tables: Tables, rows: list[tuple[int, str, int]], cap: int, source: str = "api"
) -> list[bool]:
    """Which rows of (user, source, draw) are over the cap of a source."""
    columns = "row bigint, user_key bigint, source varchar, draw ubigint"
    tables.create("rows", columns)
    for row, (user, of, drawn) in enumerate(rows):
        one = {"user_key": [user], "source": [of], "draw": pa.array([drawn], pa.uint64())}
        tables.append("rows", one | {"row": [row]})
    found = tables.rows(over_cap("select * from rows"), source=source, cap=cap)
    assert {(reason, rule) for _, reason, rule in found} <= {
        ("user_cap", f"user_cap: at most {cap} prompts a user")
    }
    gone = {row for row, _, _ in found}
    return [row in gone for row in range(len(rows))]


def test_those_that_come_later_in_the_draw_are_over_the_cap(tables: Tables) -> None:
    users, draws = [7, 3, 7, 7, 3, 9], [50, 1, 2**64 - 1, 10, 0, 5]
    rows = [(user, "api", drawn) for user, drawn in zip(users, draws, strict=True)]
    assert over(tables, rows, 2) == [False, False, True, False, False, False]
    assert over(tables, rows, 1) == [True, True, True, False, False, False]
    assert over(tables, rows, 1, "labeler") == [False] * 6
    # A user who is a labeler, too, has a cap for each.
    both = [(7, "api", 1), (7, "labeler", 0), (7, "api", 0)]
    assert over(tables, both, 1) == [True, False, False]
    assert over(tables, both, 1, "labeler") == [False] * 3
    assert over(tables, [], 1) == []


def test_every_user_keeps_as_many_as_the_cap_whatever_the_order(tables: Tables) -> None:
    rng = random.Random(1)
    for cap in (1, 2, 5):
        rows = [(rng.randrange(5), "api", draw("key", f"p{number}")) for number in range(60)]
        gone = over(tables, rows, cap)
        left = Counter(user for (user, _, _), lost in zip(rows, gone, strict=True) if not lost)
        every = Counter(user for user, _, _ in rows)
        assert left == {user: min(cap, count) for user, count in every.items()}
        order = rng.sample(range(60), 60)
        again = over(tables, [rows[at] for at in order], cap)
        assert [gone[at] for at in order] == again


def test_the_draw_is_spread_and_depends_on_the_key() -> None:
    halves = [draw("key", f"p{number}") >> 63 for number in range(4000)]
    assert sum(halves) == pytest.approx(2000, abs=130)  # 4 standard deviations
    same = [draw("a", f"p{n}") >> 63 == draw("b", f"p{n}") >> 63 for n in range(1000)]
    assert 400 < sum(same) < 600
    assert draw("key", "\ud800") >= 0


def test_a_labelers_group_goes_to_one_split_and_others_do_not_move() -> None:
    labelers = [f"{name}@{site}.example" for site in ("north", "south") for name in range(40)]
    groups = {"north": ["*@north.example"]}

    def splits(groups: dict[str, list[str]]) -> dict[str, str]:
        return {
            labeler: split_of(split_unit(labeler, "labeler", groups), "key", 0.3, 0.3)
            for labeler in labelers
        }

    alone, grouped = splits({}), splits(groups)
    by_site = defaultdict(set)
    for labeler, split in grouped.items():
        by_site[labeler.split("@")[1]].add(split)
    assert len(by_site["north.example"]) == 1
    assert len(by_site["south.example"]) == 3
    assert all(grouped[a] == alone[a] for a in labelers if a.endswith("south.example"))
    # The groups are the labelers'; a customer of the same name goes alone.
    assert split_unit(labelers[0], "api", groups) == labelers[0]


def test_a_user_whose_id_is_a_groups_name_is_not_the_group() -> None:
    groups = {"north": ["a", "b"]}
    assert split_unit("north", "labeler", groups) != split_unit("a", "labeler", groups)
    assert split_unit("a", "labeler", groups) == split_unit("b", "labeler", groups)


def test_a_short_key_of_pseudonyms_is_refused_and_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PSEUDONYM_KEY, "sunshine")
    with pytest.raises(UserError, match="8 characters; expected at least 32") as caught:
        pseudonym_secret()
    assert PSEUDONYM_KEY in str(caught.value)
    assert "sunshine" not in str(caught.value)
    monkeypatch.setenv(PSEUDONYM_KEY, "x" * 31)
    with pytest.raises(UserError):
        pseudonym_secret()
    # What the message tells to do makes one that is taken.
    command = shlex.split(str(caught.value).partition("To make one: ")[2])
    made = subprocess.check_output([sys.executable, *command[1:]], text=True).strip()
    for secret in (made, "x" * 32, ""):
        monkeypatch.setenv(PSEUDONYM_KEY, secret)
        assert pseudonym_secret() == secret


def test_caps_are_configured_by_source() -> None:
    config = PromptsConfig.from_mapping({"user_cap": {"labeler": 5}})
    assert (config.user_cap.of("api"), config.user_cap.of("labeler")) == (200, 5)
    assert PromptsConfig().user_cap.of("labeler") is None
    with pytest.raises(ConfigError, match=r"user_cap\.web: unknown key"):
        PromptsConfig.from_mapping({"user_cap": {"web": 5}})
    with pytest.raises(ConfigError, match=r"user_cap\.api: got 0; .*greater than or equal to 1"):
        PromptsConfig.from_mapping({"user_cap": {"api": 0}})
    with pytest.raises(ConfigError, match=r"languages\.0: got 'English'"):
        PromptsConfig.from_mapping({"languages": ["English"]})
