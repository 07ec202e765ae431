"""The cap's draw and the splits: deterministic, order-free, by source, by group, stable."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.config import ConfigError
from components.prompts.cap import NO_CAP, draw, over_cap
from components.prompts.config import PromptsConfig
from components.prompts.split import split_of, split_unit


def mask(users: list[int], draws: list[int], caps: list[int]) -> list[bool]:
    return [
        bool(over)
        for over in over_cap(
            np.array(users, dtype=np.int64),
            np.array(draws, dtype=np.uint64),
            np.array(caps, dtype=np.int64),
        )
    ]


def test_those_that_come_later_in_the_draw_are_over_the_cap() -> None:
    users = [7, 3, 7, 7, 3, 9]
    draws = [50, 1, 2**64 - 1, 10, 0, 5]
    assert mask(users, draws, [2] * 6) == [False, False, True, False, False, False]
    assert mask(users, draws, [1] * 6) == [True, True, True, False, False, False]
    assert mask(users, draws, [NO_CAP] * 6) == [False] * 6
    assert mask(users, draws, [1, NO_CAP, 1, 1, NO_CAP, 1]) == [True, False, True, *[False] * 3]
    assert mask([], [], []) == []


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(1, 5), st.randoms())
def test_every_user_keeps_as_many_as_the_cap_whatever_the_order(users, cap, random) -> None:  # type: ignore[no-untyped-def]
    draws = [draw("key", f"p{number}") for number in range(len(users))]
    over = mask(users, draws, [cap] * len(users))
    left = Counter(user for user, gone in zip(users, over, strict=True) if not gone)
    assert left == {user: min(cap, count) for user, count in Counter(users).items()}
    order = list(range(len(users)))
    random.shuffle(order)
    again = mask([users[i] for i in order], [draws[i] for i in order], [cap] * len(users))
    assert [over[i] for i in order] == again


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
