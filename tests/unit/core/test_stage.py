"""What a stage is given, and what it is called in a run."""

from pathlib import Path

import pytest
from pydantic import Field

from components.core.config import Config
from components.core.errors import BadInput
from components.core.stage import Inputs, Stage
from components.core.storage import Storage


class Named(Config):
    system: str = Field("sft", description="A system.")


class ForPurpose(Config):
    purpose: str = Field("", description="What it is for.")


class Plain(Config):
    seed: int = Field(0, description="A seed.")


def nothing(*_: object) -> None:
    """No work."""


def test_a_label_tells_apart_the_steps_of_one_stage() -> None:
    assert Stage("sft", Named, nothing).label(Named()) == "sft"
    assert Stage("ppo", Named, nothing).label(Named(system="ppo_ptx")) == "ppo.ppo_ptx"
    export = Stage("export", ForPurpose, nothing)
    assert export.label(ForPurpose(purpose="systems")) == "export.systems"
    assert export.label(ForPurpose()) == "export"
    assert Stage("prompts", Plain, nothing).label(Plain()) == "prompts"


def test_an_input_that_is_empty_was_not_given(storage: Storage, tmp_path: Path) -> None:
    inputs = Inputs({"a": "s3://b/a", "b": "", "c": [], "d": ["s3://b/d"] * 2}, storage, tmp_path)
    assert "a" in inputs
    assert "b" not in inputs
    assert "c" not in inputs
    assert inputs.reference("a") == "s3://b/a"
    assert (inputs.all("a"), inputs.all("b"), inputs.all("d")) == (
        ["s3://b/a"],
        [],
        ["s3://b/d", "s3://b/d"],
    )
    assert inputs.parents() == ("s3://b/a", "s3://b/d")
    for name, count in (("b", 0), ("d", 2), ("e", 0)):
        with pytest.raises(BadInput, match=rf"input {name}: {count} references given.*a, d"):
            inputs.reference(name)
