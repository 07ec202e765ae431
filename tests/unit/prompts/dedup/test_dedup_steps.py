"""Exact duplicates, candidate pairs and components, each against the plain way to do it."""

import itertools
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.prompts.dedup import candidates
from components.prompts.dedup.candidates import bucket_pairs
from components.prompts.dedup.components import Components
from components.prompts.dedup.exact import equal
from components.prompts.tables import Tables

SCRATCH = Path(tempfile.gettempdir())


def stands_for(
    tables: Tables, rows: Sequence[tuple[bytes, int, int]], over: Sequence[int] = ()
) -> list[int]:
    """The row that stands for each row of (digest, length, time), some of them over a cap."""
    tables.create("rows", "row bigint, digest blob, length bigint, time bigint, over boolean")
    for number, (digest, length, time) in enumerate(rows):
        one = {"row": [number], "digest": [digest], "length": [length], "time": [time]}
        tables.append("rows", one | {"over": [number in over]})
    found = list(range(len(rows)))
    for row, survivor in tables.rows(equal("select * from rows")):
        found[row] = survivor
    return found


def test_the_longest_stays_then_the_earliest_then_the_first(tables: Tables) -> None:
    digests = [b"17", b"27", b"17", b"18", b"17", b"27"]
    lengths = [5, 3, 5, 9, 6, 3]
    times = [4, 2, 1, 0, 9, 2]
    # Rows 0, 2, 4 are one: 4 is the longest. Rows 1 and 5: equal, so the first. Row 3 is alone.
    rows = list(zip(digests, lengths, times, strict=True))
    assert stands_for(tables, rows) == [4, 1, 4, 3, 4, 1]
    rows[4] = (b"17", 5, 9)
    assert stands_for(tables, rows) == [2, 1, 2, 3, 2, 1]
    # Rows that may be over their user's cap stay only where all of them may.
    assert stands_for(tables, rows, over=[1, 2, 3]) == [0, 5, 0, 3, 0, 5]
    assert stands_for(tables, rows, over=[0, 1, 2, 4, 5]) == [2, 1, 2, 3, 2, 1]


def test_equal_is_what_a_dictionary_finds(tables: Tables) -> None:
    rng = random.Random(2)
    for _ in range(30):
        count = rng.randrange(40)
        rows = [
            (b"%d" % rng.randrange(5), rng.randrange(3), rng.randrange(3)) for _ in range(count)
        ]
        groups: dict[bytes, list[int]] = {}
        for row, (digest, _, _) in enumerate(rows):
            groups.setdefault(digest, []).append(row)
        expected = list(range(len(rows)))
        for group in groups.values():
            best = min(group, key=lambda row: (-rows[row][1], rows[row][2], row))
            for row in group:
                expected[row] = best
        assert stands_for(tables, rows) == expected


def _plain_pairs(
    keys: list[int], lengths: list[int], rows: list[int], neighbours: int
) -> list[tuple[int, int]]:
    pairs = []
    for key in set(keys):
        members = sorted(
            (length, row) for k, length, row in zip(keys, lengths, rows, strict=True) if k == key
        )
        for at, (_, one) in enumerate(members):
            pairs += [
                (min(one, two), max(one, two)) for _, two in members[at + 1 : at + 1 + neighbours]
            ]
    return sorted(pairs)


@pytest.mark.parametrize("spread", [3, 1 << 31, 1 << 34])
def test_bucket_pairs_are_the_next_in_length(spread: int) -> None:
    """Also where keys differ in their lower half only, which the fast sort does not see."""
    rng = random.Random(spread)
    keys = [rng.randrange(4) * spread + rng.randrange(3) for _ in range(300)]
    lengths = [rng.randrange(50) for _ in keys]
    rows = rng.sample(range(10_000), len(keys))
    left, right = bucket_pairs(
        np.array(keys, dtype=np.uint64), np.array(lengths), np.array(rows), 7
    )
    assert sorted(zip(left.tolist(), right.tolist(), strict=True)) == _plain_pairs(
        keys, lengths, rows, 7
    )


def test_bucket_pairs_do_not_depend_on_how_buckets_are_grouped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(8)
    keys = rng.integers(0, 1 << 62, 40, dtype=np.uint64)[rng.integers(0, 40, 2000)]
    lengths, rows = rng.integers(10, 30, 2000), rng.permutation(5000)[:2000]

    def pairs(members: np.ndarray) -> set[tuple[int, int]]:
        left, right = bucket_pairs(keys[members], lengths[members], rows[members], 32)
        found = set(zip(left.tolist(), right.tolist(), strict=True))
        assert len(found) == len(left)
        return found

    whole = pairs(np.arange(2000))
    apart = [pairs(np.flatnonzero(keys == key)) for key in np.unique(keys)]
    assert whole == set(itertools.chain.from_iterable(apart))
    assert pairs(rng.permutation(2000)) == whole
    monkeypatch.setattr(candidates, "_CHUNK", 100)
    assert pairs(np.arange(2000)) == whole


def test_no_members_no_pairs() -> None:
    none = np.empty(0, dtype=np.int64)
    left, right = bucket_pairs(none.astype(np.uint64), none, none, 3)
    assert len(left) == len(right) == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60), st.randoms())
def test_components_are_the_same_in_any_order_of_joining(
    pairs: list[tuple[int, int]], rng: random.Random
) -> None:
    expected = list(range(31))
    for one, two in pairs:
        low, high = sorted((expected[one], expected[two]))
        expected = [low if root == high else root for root in expected]
    for _ in range(3):
        rng.shuffle(pairs)
        components = Components(31, SCRATCH)
        for start in range(0, len(pairs), 7):
            part = np.array(pairs[start : start + 7]).T
            components.join(part[0], part[1])
        assert roots(components) == expected
        assert roots(components.copy()) == expected


def test_a_chain_of_many_rows_is_one_component() -> None:
    order = np.random.default_rng(1).permutation(5000)
    components = Components(5000, SCRATCH)
    components.join(order[:-1], order[1:])
    assert set(roots(components)) == {0}


def roots(components: Components) -> list[int]:
    found = list(range(len(components)))
    for rows, tops in components.members():
        for row, top in zip(rows.tolist(), tops.tolist(), strict=True):
            found[row] = top
    return found
