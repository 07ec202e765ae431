"""Config fields that may name people: counted in records, true in what a stage is given."""

from typing import Annotated

import pytest
from pydantic import Field

from components.core.config import PERSONAL, Config, ConfigError, flatten
from pipelines.config import PipelineConfig

PERSON = "wilma@corp.example"


class Inner(Config):
    groups: Annotated[dict[str, tuple[str, ...]], PERSONAL] = Field({})
    held_out: Annotated[tuple[str, ...], PERSONAL] = ()
    steps: int = 1


class Outer(Config):
    inner: Inner = Inner()
    seed: int = 0


GIVEN = {"groups": {"berlin": [PERSON, "b"], "oslo": ["c"]}, "held_out": [PERSON]}


def test_records_have_counts_in_place_of_what_is_personal() -> None:
    config = Outer.from_mapping({"inner": GIVEN})
    groups = "3 values under 2 keys (not shown: personal)"
    held_out = "1 values (not shown: personal)"
    assert config.shown() == {
        "inner": {"groups": groups, "held_out": held_out, "steps": 1}, "seed": 0,
    }  # fmt: skip
    assert flatten(config, "o") == {
        "o.inner.groups": groups, "o.inner.held_out": held_out, "o.inner.steps": 1, "o.seed": 0,
    }  # fmt: skip
    # Nothing is nothing to hide.
    assert Outer().shown() == Outer().model_dump(mode="json")


def test_the_stage_and_the_digest_get_the_true_value() -> None:
    config = Outer.from_mapping({"inner": GIVEN})
    assert Outer.from_json(config.canonical_json()) == config
    assert PERSON in config.canonical_json()
    other = Outer.from_mapping({"inner": GIVEN | {"held_out": ["another"]}})
    assert other.shown() == config.shown()
    assert other.digest() != config.digest()


@pytest.mark.parametrize("groups", [{PERSON: "berlin"}, {"berlin": PERSON}, [PERSON], PERSON])
def test_an_error_about_a_personal_field_does_not_tell_what_stands_in_it(groups: object) -> None:
    with pytest.raises(ConfigError, match=r"^o\.inner\.groups: got (str|list); ") as caught:
        Outer.from_mapping({"inner": {"groups": groups}}, at="o")
    assert PERSON not in str(caught.value)
    assert "berlin" not in str(caught.value)


def test_the_fields_that_are_marked() -> None:
    assert PipelineConfig.personal() == [
        "prompts.labeler_groups",
        "comparisons_import.heldout_labelers",
        "systems_import.heldout_labelers",
    ]
