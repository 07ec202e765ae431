"""Profiles and settings."""

import pytest

from components.core.config import ConfigError
from pipelines.config import PipelineConfig
from pipelines.profile import load, merge, parse_setting, shipped


def test_settings_nest_and_keep_types() -> None:
    assert parse_setting("a.b.c=0.5") == {"a": {"b": {"c": 0.5}}}
    assert parse_setting("a=1e-5") == {"a": 1e-5}
    assert parse_setting("a=[1, 2]") == {"a": [1, 2]}
    assert parse_setting("a=") == {"a": ""}


def test_merge_lays_mappings_on_one_another() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merge(base, {"a": {"b": 9}}) == {"a": {"b": 9, "c": 2}, "d": 3}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize("profile", shipped())
def test_shipped_profiles_are_valid(profile: str) -> None:
    assert isinstance(load(profile), PipelineConfig)


def test_policies_share_the_ppo_section() -> None:
    config = load("quickstart", ["ppo.kl_coefficient=0.03", "policies.ppo.ptx_coefficient=0"])
    plain, mixed = config.policy_configs()
    assert (plain.system, mixed.system) == ("ppo", "ppo_ptx")
    assert plain.kl_coefficient == mixed.kl_coefficient == 0.03
    assert plain.ptx_coefficient == 0 < mixed.ptx_coefficient


def test_a_stage_seed_wins_over_the_pipelines() -> None:
    config = load("quickstart", ["seed=5", "sft.seed=6"])
    assert config.ppo.seed == 5
    assert config.sft.seed == 6


def test_unknown_section_is_an_error_with_its_path() -> None:
    with pytest.raises(ConfigError, match="sftt: unknown key"):
        load("quickstart", ["sftt.epochs=1"])
