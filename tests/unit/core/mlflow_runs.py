"""Look-ups in MLflow that tests of tracking and launch share."""

from typing import Any

from components.core import run_tree


def run_of(client: Any, **tags: str) -> Any:
    """The one run with these ``instructflow`` tags."""
    (found,) = runs_of(client, **tags)
    return found


def runs_of(client: Any, **tags: str) -> list[Any]:
    experiment = run_tree.find_experiment(client)
    condition = " and ".join(f"tags.`instructflow.{k}` = '{v}'" for k, v in tags.items())
    return list(client.search_runs([experiment], condition))


def series(client: Any, run: Any, key: str) -> list[tuple[int, float]]:
    return [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, key)]
