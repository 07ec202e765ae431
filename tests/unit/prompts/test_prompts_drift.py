"""Drift between rounds: numbers worked out by hand, chance, and users without their ids."""

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.config import ConfigError
from components.prompts.config import DriftConfig
from components.prompts.report.drift import aligned, by_chance, compare, figure, psi
from components.prompts.report.profile import SKETCH, Profile, binned, novelty, profile, sketch

DEFAULT = DriftConfig()


def counts(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        # Half an observation more in each bin: .5, .5 and 60.5/101, 40.5/101;
        # .0990099 (ln 1.1980198 - ln .8019802) = .0990099 (.1806700 + .2206713).
        (counts(50, 50), counts(60, 40), 0.0397368),
        # Of many rows the half does not show: -.1 ln(.8/.9) + .1 ln 2 = .0117783 + .0693147.
        (counts(9e8, 1e8), counts(8e8, 2e8), 0.0810930),
        # An empty bin: (10.5/11, .5/11) and the reverse; 2 (10/11) ln 21 = 1.8181818 * 3.0445224.
        (counts(10, 0), counts(0, 10), 5.5354953),
        (counts(1, 2, 3), counts(1, 2, 3), 0.0),
    ],
)
def test_index_worked_out_by_hand(before, now, expected) -> None:  # type: ignore[no-untyped-def]
    assert psi(before, now) == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=20))
def test_index_is_symmetric_and_never_negative(pairs: list[tuple[int, int]]) -> None:
    before, now = (counts(*column) for column in zip(*pairs, strict=True))
    assert psi(before, now) == pytest.approx(psi(now, before))
    assert psi(before, now) >= -1e-12
    assert math.isfinite(psi(before, now))


@pytest.mark.parametrize(
    ("free", "quantile"), [(1, 10.828), (2, 13.816), (3, 16.266), (10, 29.588), (30, 59.703)]
)
def test_chance_is_the_thousandth_of_chi_squared(free: int, quantile: float) -> None:
    # 1/100 + 1/400 = 1/80.
    assert by_chance(free + 1, 100, 400) * 80 == pytest.approx(quantile, rel=0.035)


def test_samples_of_one_population_seldom_count_as_drift() -> None:
    random = np.random.default_rng(0)
    shares = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    strict = DriftConfig(warn=1e-9)
    raised = 0
    for _ in range(2_000):
        before, now = (
            dict(enumerate(random.multinomial(n, shares).tolist())) for n in (300, 2_000)
        )
        named = ({str(k): v for k, v in c.items()} for c in (before, now))
        raised += figure("x", *named, strict).level != "stable"
    assert raised <= 12  # 2 are expected


@pytest.mark.parametrize(
    ("now", "level"),
    [
        ({"en": 900, "de": 100}, "stable"),
        ({"en": 800, "de": 200}, "stable"),  # .081
        ({"en": 750, "de": 250}, "warn"),  # .15 (ln 2.5 + ln 1.2) = .165
        ({"en": 600, "de": 400}, "stop"),  # .3 (ln 4 + ln 1.5) = .538
        ({"en": 6, "de": 4}, "stable"),  # ten prompts say nothing
        ({"en": 60, "de": 40}, "stop"),
        ({"fr": 1000}, "stop"),
    ],
)
def test_level_takes_both_the_threshold_and_more_than_chance(
    now: dict[str, int], level: str
) -> None:
    assert figure("language", {"en": 900, "de": 100}, now, DEFAULT).level == level


def test_rare_categories_are_one_bin() -> None:
    before = {"en": 980, "fr": 9, "de": 8, "it": 3}
    now = {"en": 970, "fr": 20, "pl": 5, "und": 5}
    bins, old, new = aligned(before, now)
    # French is common now; what is below 1% in both rounds is taken together.
    assert bins == ["en", "fr", "other"]
    assert (old.tolist(), new.tolist()) == ([980, 9, 11], [970, 20, 10])


def test_bins_are_doubled_lengths() -> None:
    counted = binned({0: 1, 1: 5, 2: 1, 3: 1, 4: 1, 7: 1, 8: 1, 100: 2}, (2, 4, 8))
    assert counted == {"<2": 6, "2-3": 2, "4-7": 2, "8+": 3}
    assert binned({}, (2,)) == {"<2": 0, "2+": 0}


def audit(**changes: Any) -> dict[str, Any]:
    """What a profile takes from an audit."""
    return {
        "raw": 2_500,
        "rejected": {"duplicate": 500, "too_long": 3},
        "tokens": {"bins": {"<8": 400, "8-15": 1_600}},
        "languages": {"en": 1_800, "de": 200},
        "use_cases": {"chat": {"count": 1_000}, "open_qa": {"count": 1_000}},
    } | changes


def made(seed: int, users: range, last: Profile | None, secret: str = "s") -> Profile:
    random = np.random.default_rng(seed)
    return profile(
        audit(),
        Counter(random.geometric(0.3, len(users)).tolist()),
        sketch((f"user {n}" for n in users), secret),
        last,
    )


def test_profile_is_counts_by_bin() -> None:
    found = profile(audit(), {1: 7, 2: 1, 3: 1, 200: 1}, None, None)
    assert found.duplicates == {"duplicate": 500, "other": 2_000}
    assert found.use_cases == {"chat": 1_000, "open_qa": 1_000}
    counts = {name: n for name, n in found.prompts_per_user.items() if n}
    assert counts == {"<2": 7, "2-3": 2, "128+": 1}


def test_rounds_alike_are_stable_and_one_that_changed_is_told() -> None:
    first = made(0, range(500), None)
    second = made(1, range(100, 600), first)
    drift = compare(first, second, DEFAULT)
    assert drift.level == "stable"
    assert drift.told() == ""
    assert [f.name for f in drift.figures] == [
        *("length", "language", "use_case", "duplicates", "users")
    ]
    other = second.model_copy(update={"languages": {"en": 1_000, "de": 1_000}})
    drift = compare(first, other, DEFAULT)
    assert drift.level == "stop"
    # .4 (ln 5 + ln 1.8) = .4 * 2.197225 = .87889
    assert drift.told() == "language 0.88 (en: 90% -> 50%)"
    assert drift.metrics()["drift.language"] == pytest.approx(0.879, abs=0.002)


def test_new_users_are_a_share_and_from_the_third_round_on_a_figure() -> None:
    first = made(0, range(500), None)
    second = made(1, range(100, 600), first)
    third = made(2, range(600, 1100), second)
    assert first.novelty is None
    # Users 500 to 599 are new: 100 of 500.
    assert compare(first, second, DEFAULT).new_users == 0.2
    assert "drift.new_users" not in compare(first, second, DEFAULT).metrics()
    drift = compare(second, third, DEFAULT)
    assert drift.metrics()["new_users_share"] == 1.0
    assert [f.name for f in drift.over()] == ["new_users"]


def test_share_of_new_users_is_estimated_from_sketches() -> None:
    users = 20_000
    before = sketch((f"user {n}" for n in range(users)), "secret")
    now = sketch((f"user {n}" for n in range(6_000, users + 6_000)), "secret")
    assert before is not None
    assert now is not None
    assert len(before.least) == len(now.least) == SKETCH
    found = novelty(before, now)
    assert found is not None
    share = found["new"] / sum(found.values())
    # 30% are new; four standard errors of a sample of 1,024 are 0.057.
    assert share == pytest.approx(0.3, abs=0.057)
    small = sketch((f"user {n}" for n in range(10)), "secret")
    found = novelty(small, now)
    assert found is not None
    assert found["known"] == 0


def test_users_cannot_be_told_without_the_key() -> None:
    users = ["ada", "bob"]
    assert sketch(users, "") is None
    one, other = sketch(users, "secret"), sketch(users, "another")
    assert novelty(one, other) is None
    assert novelty(None, one) is None
    assert novelty(one, one) == {"new": 0, "known": 2}
    assert one is not None
    assert "ada" not in one.canonical_json()
    assert "secret" not in one.canonical_json()


def test_profile_goes_through_json() -> None:
    first = made(0, range(2_000), None)
    text = json.dumps(json.loads(first.canonical_json()), indent=2, sort_keys=True)
    assert compare(Profile.from_json(text), first, DEFAULT).level == "stable"
    assert Profile.from_json(text).users == first.users


def test_empty_round_has_no_drift_that_could_be_told() -> None:
    empty = profile(
        audit(raw=0, rejected={}, tokens={"bins": {}}, languages={}, use_cases={}), {}, None, None
    )
    drift = compare(empty, made(0, range(9), None), DEFAULT)
    assert drift.level == "stable"
    assert all(math.isfinite(value) for value in drift.metrics().values())


def test_warn_must_not_be_above_stop() -> None:
    with pytest.raises(ConfigError, match="warn must not be above stop"):
        DriftConfig.from_mapping({"warn": 0.3}, "prompts.drift")
