"""The pipelines by name: their DAG, their profile, and how config and inputs become parameters."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.core.config import ConfigError
from pipelines.config import PipelineConfig


@dataclass(frozen=True)
class Entry:
    """A pipeline of the catalogue."""

    name: str
    profile: str
    #: DAG parameter -> section of ``PipelineConfig`` whose JSON it takes.
    sections: dict[str, str]
    #: DAG parameters that take references, with their value where none is given.
    inputs: dict[str, str | list[str]]
    #: Whether the DAG loops over the configs of ``policies``.
    loops: bool
    #: Those of ``inputs`` that have to be given.
    needed: tuple[str, ...] = ()
    #: The step whose page is the run's report.
    reports: str = "evaluation"

    def folder(self, profile: str) -> str:
        """The name under which a run's state is kept: the profile's, which two pipelines share."""
        return profile if self.loops else f"{profile}-{self.name}"

    def pipeline(self) -> Callable[..., Any]:
        """The ``@dsl.pipeline`` function, imported when it is needed: kfp takes a second."""
        module = importlib.import_module(f"pipelines.{self.name}")
        function: Callable[..., Any] = getattr(module, self.name)
        return function


def _sections(*names: str, **renamed: str) -> dict[str, str]:
    return {name: name for name in names} | renamed


_TRAINING = ("pretraining", "prompts", "sft", "comparisons", "reward_model")
_END = ("evaluation", "promotion")

PIPELINES = {
    entry.name: entry
    for entry in (
        Entry(
            "quickstart",
            "quickstart",
            _sections(
                "sandbox_world", "training_labelers", "heldout_labelers", *_TRAINING,
                "comparisons_import", "comparison_of_systems", "systems_import", *_END,
                gold="sandbox_gold",
            ),
            {},
            loops=True,
        ),
        Entry(
            "rlhf",
            "real",
            _sections(*_TRAINING, "comparison_of_systems", *_END),
            {
                "raw_prompts": "latest",
                "demonstrations": "latest",
                "documents": "latest",
                "rankings": "",
                "earlier": "",
                "previous_audit": "",
                "base": "",
            },
            loops=True,
        ),
        Entry(
            "prompts",
            "real",
            _sections("prompts"),
            {"raw_prompts": "latest", "earlier": "", "previous_audit": "", "policy": ""},
            loops=False,
            reports="prompts",
        ),
        Entry(
            "feedback",
            "real",
            _sections("systems_import", *_END),
            {
                "tasks": "latest",
                "documents": "latest",
                "labels": [],
                # Those that belong to the tasks.
                "key": "",
                "prompts_dataset": "",
                "policies": [],
            },
            loops=False,
            needed=("labels",),
        ),
    )
}  # fmt: skip


def find(name: str) -> Entry:
    """The entry of a pipeline; an unknown name is an error that lists the known ones."""
    if name not in PIPELINES:
        raise ConfigError(f"no pipeline {name!r}; there are {', '.join(PIPELINES)}")
    return PIPELINES[name]


def arguments(
    entry: Entry, config: PipelineConfig, inputs: Sequence[str], complete: bool = True
) -> dict[str, Any]:
    """The DAG's parameters: one JSON string a section, the policies, and the references.

    Without ``complete``, inputs that are still needed are left out.
    """
    given: dict[str, Any] = dict(entry.inputs)
    for text in inputs:
        name, equals, value = text.partition("=")
        if not equals or name not in given:
            known = ", ".join(entry.inputs) or "none"
            raise ConfigError(f"--input {text}: expected NAME=REFERENCE, NAME one of: {known}")
        current = given[name]
        given[name] = [*current, value] if isinstance(current, list) else value
    missing = [name for name in entry.needed if not given[name]]
    if complete and missing:
        wanted = " ".join(f"--input {name}=REFERENCE" for name in missing)
        others = [
            name + (f" ({value})" if value else "")
            for name, value in entry.inputs.items()
            if name not in missing
        ]
        raise ConfigError(
            f"pipeline {entry.name} needs {wanted}; 'latest' is what was published last. "
            f"May be given: {', '.join(others)}"
        )
    given = {name: value for name, value in given.items() if name not in missing}
    given |= {name: config.section_json(section) for name, section in entry.sections.items()}
    if entry.loops:
        _check_promotion(config)
        given["policies"] = config.policy_json()
    return given


def names_newest(entry: Entry, arguments: Mapping[str, Any]) -> bool:
    """Whether an input says ``latest`` or another name: what that is differs from day to day."""
    given = [arguments[name] for name in entry.inputs]
    values = [value for one in given for value in ([one] if isinstance(one, str) else one)]
    return any(value and not value.startswith("s3://") for value in values)


def _check_promotion(config: PipelineConfig) -> None:
    """A misspelt name would only show after hours, as a run that promotes nothing."""
    if config.promotion.policy not in config.policies:
        raise ConfigError(
            f"promotion.policy: {config.promotion.policy!r}; expected one of the policies that "
            f"this pipeline trains: {', '.join(config.policies) or 'none'}"
        )
