import gc
import itertools
import os
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts import seen as module
from data_contracts.seen import HELD, LOOKUPS, PIECE, Hashes, Seen

TOP = 2**64 - 1
#: Few values, so that they repeat within a call and across calls; both ends of the range.
VALUES = st.one_of(st.integers(0, 60), st.integers(TOP - 3, TOP), st.integers(0, TOP))


def array(values: list[int]) -> Hashes:
    return np.array(values, np.uint64)


def draws(rows: int, batch: int) -> Iterator[Hashes]:
    """Batches in which one row in a hundred is one of a thousand values."""
    random = np.random.default_rng(0)
    for _ in range(0, rows, batch):
        hashes = random.integers(0, TOP, batch, np.uint64, endpoint=True)
        hashes[: batch // 100] = random.integers(0, 1000, batch // 100)
        yield hashes


def in_files(seen: Seen) -> list[bool]:
    return [isinstance(block.base, np.memmap) for block in seen._blocks]


def open_files(folder: Path) -> list[str]:
    """Files below a folder that this process still holds or maps, those without a name included."""
    if not os.path.exists("/proc/self/maps"):
        pytest.skip("only Linux says which files a process maps")
    held = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    mapped = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in (*held, *mapped) if str(folder) in line]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@settings(max_examples=200, deadline=None)
@given(
    calls=st.lists(st.lists(VALUES, max_size=60), max_size=30),
    held=st.sampled_from([1, 2, 7, 16, 64, HELD]),
    piece=st.sampled_from([1, 3, 8, PIECE]),
    lookups=st.sampled_from([1, 5, LOOKUPS]),
)
def test_agrees_with_a_set(calls: list[list[int]], held: int, piece: int, lookups: int) -> None:
    with patch.multiple(module, HELD=held, PIECE=piece, LOOKUPS=lookups):
        seen, known = Seen(), set[int]()
        for call in calls:
            expected = []
            for value in call:
                expected.append(value in known)
                known.add(value)
            assert seen.add(array(call)).tolist() == expected

            blocks = seen._blocks
            assert sorted(known) == sorted(np.concatenate([array([]), *blocks]).tolist())
            assert sum(len(b) for b, f in zip(blocks, in_files(seen), strict=True) if not f) <= held
            sizes = [len(block) for block in blocks]
            assert all(one > 2 * two for one, two in itertools.pairwise(sizes))


def test_repeats_of_this_call_and_of_earlier_ones() -> None:
    seen = Seen()
    assert seen.add(array([5, 3, 5, TOP])).tolist() == [False, False, True, False]
    assert seen.add(array([])).tolist() == []
    assert seen.add(array([4, 3, 4, TOP, 0])).tolist() == [False, True, True, True, False]


def test_few_rows_never_touch_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(**_: Any) -> None:
        raise AssertionError("a file for few rows")

    monkeypatch.setattr(module, "TemporaryFile", no_file)
    seen = Seen()
    for hashes in draws(HELD // 2, 1024):
        seen.add(hashes)
    more = np.arange(HELD, dtype=np.uint64)
    with pytest.raises(AssertionError, match="a file"):
        seen.add(more)


def test_memory_does_not_grow_with_rows() -> None:
    """Five million hashes would take 40 MB; blocks in memory have 8 MiB, a merge as many."""
    seen = Seen()
    tracemalloc.start()
    try:
        repeats = sum(int(seen.add(hashes).sum()) for hashes in draws(5_000_000, 10_000))
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert repeats == 50_000 - 1000
    assert sum(map(len, seen._blocks)) == 5_000_000 - repeats
    assert any(in_files(seen))
    assert now < 8 * HELD + 2**20
    assert peak < 2 * 8 * HELD + 2**21


def test_nothing_stays_on_disk(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD", 64)
    seen = Seen()
    for hashes in draws(10_000, 100):
        seen.add(hashes)
        assert not any(scratch.iterdir())
    assert len(open_files(scratch)) >= sum(in_files(seen)) > 0
    del seen
    gc.collect()
    assert open_files(scratch) == []
