"""Records of finished work: found by run, and curves of bounded length."""

import pytest

from components.core import work
from components.core.storage import Storage


def record(label: str, run: str, **figures: float) -> work.WorkRecord:
    return work.WorkRecord(
        work=f"{run}{label}".encode().hex(),
        stage=label.partition(".")[0],
        label=label,
        run=run,
        seconds=1.5,
        figures=figures,
        curves={"loss": [2.0, 1.0]},
        outputs={},
    )


def test_the_work_of_a_run_is_found_and_no_other(storage: Storage, root: str) -> None:
    mine = [record("export.a", "run-1", tasks=4.0), record("sft", "run-1")]
    for one in [*reversed(mine), record("sft", "run-10")]:
        work.save(storage, root, one)
    assert work.of_run(storage, root, "run-1") == mine
    assert work.of_run(storage, root, "run-2") == []


def test_the_same_work_done_again_is_listed_once(storage: Storage, root: str) -> None:
    work.save(storage, root, record("sft", "run-1", loss=2.0))
    work.save(storage, root, record("sft", "run-1", loss=1.0))
    (found,) = work.of_run(storage, root, "run-1")
    assert found.figures == {"loss": 1.0}


def test_a_curve_is_thinned_to_means_of_neighbours() -> None:
    assert work.thinned([1.0, 3.0, 5.0, 7.0], most=2) == [2.0, 6.0]
    assert work.thinned([1.0, 2.0, 6.0], most=2) == [1.0, 4.0]
    assert work.thinned([3.0, 2.0], most=5) == [3.0, 2.0]
    assert work.thinned([]) == []


@pytest.mark.parametrize("count", [1, 49, 50, 51, 99, 1000, 1001])
def test_a_thinned_curve_uses_every_value_once(count: int) -> None:
    values = [float(n) for n in range(count)]
    thin = work.thinned(values)
    assert len(thin) == min(count, work.POINTS)
    assert thin == sorted(thin)
    if count % work.POINTS == 0:
        assert sum(thin) / len(thin) == pytest.approx(sum(values) / count)
