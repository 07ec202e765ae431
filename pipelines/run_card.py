"""What MLflow says of a run to people who look through lists of runs and compare two of them.

A run is named by its id and by what was set for it; tags, inputs and a note with the figures stand
on its page.
"""

import contextlib
import getpass
from collections.abc import Mapping, Sequence
from typing import Any

from components.core.errors import UserError
from components.core.pipeline_run import describe_pipeline
from components.core.systems import title
from components.core.version import git_commit
from pipelines.catalogue import Entry
from pipelines.profile import shown
from pipelines.runs import Run
from pipelines.summary_view import figure

#: A name is cut here: lists show about as much.
_NAME = 100


def write(
    run: Run,
    entry: Entry,
    profile: str,
    settings: Sequence[str],
    summary: Mapping[str, Any],
    inputs: Sequence[str] = (),
) -> None:
    """Describe a run that has ended; a store that is down does not undo the run.

    ``inputs`` are those of the command line, as they were given; so are ``settings``, of which
    personal ones are told without their value.
    """
    settings = [shown(setting) for setting in settings]
    options = "".join(f" --set {setting}" for setting in settings)
    options += "".join(f" --input {text}" for text in inputs)
    tags = {
        "instructflow.pipeline": entry.name,
        "instructflow.profile": profile,
        "instructflow.settings": " ".join(settings),
        "instructflow.report": run.report,
        "mlflow.source.name": f"instructflow run {entry.name} --profile {profile}{options}",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": git_commit(),
    }
    with contextlib.suppress(OSError, KeyError):  # no such user: a container's bare number
        tags["mlflow.user"] = getpass.getuser()
    known = {key: value for key, value in tags.items() if value}
    with contextlib.suppress(UserError):
        describe_pipeline(
            run.id,
            name_of(run.id, settings),
            known,
            note(entry, profile, settings, summary),
            [*summary["inputs"].values()],
        )


def name_of(run: str, settings: Sequence[str]) -> str:
    """``real-20260101-120000 ppo.kl_coefficient=0.2``."""
    name = " ".join([run, *settings])
    return name if len(name) <= _NAME else name[: _NAME - 3] + "..."


def note(entry: Entry, profile: str, settings: Sequence[str], summary: Mapping[str, Any]) -> str:
    """The figures that a run is judged by, as Markdown."""
    what = ", ".join(f"`{setting}`" for setting in settings) or "nothing else set"
    rows = "\n".join(f"| {label} | {value} |" for label, value in _figures(summary))
    return (
        f"Pipeline **{entry.name}**, profile **{profile}**, {what}.\n\n"
        f"| | |\n| --- | --- |\n{rows}\n\n"
        f"Report: the page of the step `{entry.reports}` (artifact `page.html`), or\n"
        f"`instructflow inspect {summary['report']}`"
    )


def _figures(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        (f"win rate of {title(system)} against SFT", _with_interval(rate, "win_rate"))
        for system, rate in summary["win_rates"].items()
        if system != "sft"
    ]
    rows += [
        (f"reward of {title(system)} over SFT", _with_interval(gain, "gain"))
        for system, gain in summary.get("reward_gain", {}).items()
    ]
    rows += [
        (f"KL of {title(system)} to SFT at the end, nats", figure(course["kl"][-1]))
        for system, course in summary["ppo"].items()
        if course["kl"]
    ]
    rows += [
        (f"public-task loss of {title(system)}, nats per token", figure(public["loss"]))
        for system, public in summary["public_tasks"].items()
    ]
    if summary["reward_model"]["accuracy"] is not None:
        accuracy = figure(summary["reward_model"]["accuracy"])
        rows.append(("reward model right on held-out prompts", accuracy))
    prompts = summary["prompts"]
    rows.append(("prompts kept", f"{prompts['kept']:,} of {prompts['raw']:,}"))
    if "tasks_exported" in summary:
        rows.append(("tasks exported for labelers", f"{summary['tasks_exported']:,}"))
    rows.append(("time", f"{summary['seconds']['total']:,.0f} s"))
    return rows


def _with_interval(row: Mapping[str, Any], name: str) -> str:
    return f"{figure(row[name])} ({figure(row['ci_low'])} to {figure(row['ci_high'])})"
