"""Tables of rows: what goes in comes out, in order, in its memory; and files of rows by number."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import UserError
from components.prompts import tables as tables_module
from components.prompts import working_rows
from components.prompts.tables import Tables
from components.prompts.working_rows import Marks, Strings, Vectors


def test_rows_come_out_in_the_order_asked_for_while_others_are_read(tables: Tables) -> None:
    tables.create("named", "row bigint, name varchar")
    names = [f"n{number * 7919 % 50_000:05}" for number in range(50_000)]
    for start in range(0, 50_000, 999):
        part = names[start : start + 999]
        # By name, not by place.
        tables.append("named", {"name": part, "row": range(start, start + len(part))})
    seen: list[str] = []
    for first, batch in tables.enumerate("from named order by name", rows=1000):
        assert first == len(seen)
        seen += batch.column("name").to_pylist()
        # Another query, and a write, while this one is under way.
        assert tables.number("select count(*) from named where name >= $least", least="n") >= 50_000
        if first == 0:
            tables.append("named", {"row": [-1], "name": ["zz"]})
    assert seen == sorted(names)
    assert tables.rows("select name from named where row < 0") == [("zz",)]


def test_more_rows_than_memory_are_sorted_on_disk(tmp_path: Path) -> None:
    made = Tables(tmp_path, 128)
    made.run("create table many as select hash(i) as key, md5(i::varchar) as text"
             " from range(4_000_000) as r(i)")  # fmt: skip
    last, count, spilled = -1, 0, 0
    for batch in made.stream("from many order by key"):
        keys = batch.column("key").to_numpy()
        assert keys[0] > last or count == 0
        assert (keys[1:] >= keys[:-1]).all()
        last, count = int(keys[-1]), count + len(keys)
        if not spilled:
            spilled = sum(path.stat().st_size for path in (tmp_path / "tables-spilled").iterdir())
    assert count == 4_000_000
    assert spilled > 50e6
    made.close()


def test_too_little_memory_is_an_error_that_says_what_to_raise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables_module, "LEAST_MB", 2)
    made = Tables(tmp_path, 2)
    with pytest.raises(UserError, match=r"prompts.memory_mb: half of it, 2 MB, is too little"):
        made.run("create table many as select md5(i::varchar) as a from range(1_000_000) as r(i)")
    made.close()


@given(st.lists(st.tuples(st.text(max_size=9), st.binary(min_size=3, max_size=3)), max_size=40))
def test_strings_and_vectors_by_number(rows: list[tuple[str, bytes]]) -> None:
    rows = [(text.encode("utf-8", "replace").decode(), key) for text, key in rows]
    rng = random.Random(len(rows))
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for small in (0, 1 << 20):
            patch.setattr(working_rows, "_SMALL", small)
            patch.setattr(working_rows, "_READ", 3)
            strings = Strings(folder / f"strings{small}")
            vectors = Vectors(folder / f"vectors{small}", 3)
            for start in range(0, len(rows), 7):
                part = rows[start : start + 7]
                strings.extend(pa.array([text for text, _ in part], pa.string()))
                joined = b"".join(key for _, key in part)
                vectors.extend(np.frombuffer(joined, np.uint8).reshape(-1, 3))
            chosen = [rng.randrange(len(rows)) for _ in range(2 * len(rows))]
            numbers = np.array(chosen, dtype=np.int64)
            assert strings.take(numbers) == [rows[row][0] for row in chosen]
            assert [one.tobytes() for one in vectors.take(numbers)] == [rows[r][1] for r in chosen]


@given(st.sets(st.integers(0, 99)), st.integers(0, 100), st.integers(0, 100))
def test_marks_are_a_set_of_rows(chosen: set[int], one: int, two: int) -> None:
    marked = sorted(chosen)
    batches = [pa.record_batch({"row": pa.array(marked[at : at + 5], pa.int64())})
               for at in range(0, len(marked), 5)]  # fmt: skip
    marks = Marks.of(100, iter(batches))
    assert len(marks) == len(chosen)
    assert marks.holds(np.arange(100)).tolist() == [row in chosen for row in range(100)]
    start, end = sorted((one, two))
    assert marks.between(start, end).tolist() == [row in chosen for row in range(start, end)]
