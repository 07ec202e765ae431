"""How config and references become a DAG's parameters."""

import json

import pytest

from components.core.config import ConfigError
from pipelines.catalogue import arguments, find, names_newest
from pipelines.config import PipelineConfig


def config(**values: object) -> PipelineConfig:
    return PipelineConfig.from_mapping(values)


def test_each_policy_is_one_config_of_the_loop() -> None:
    given = arguments(
        find("rlhf"), config(policies={"ppo": {"ptx_coefficient": 0}, "ppo_ptx": {}}), []
    )
    policies = [json.loads(text) for text in given["policies"]]
    assert [policy["system"] for policy in policies] == ["ppo", "ppo_ptx"]
    assert policies[0]["ptx_coefficient"] == 0 != policies[1]["ptx_coefficient"]


def test_a_policy_that_nobody_trains_cannot_be_promoted() -> None:
    wrong = config(promotion={"policy": "ppo_ptz"})
    with pytest.raises(ConfigError, match=r"promotion\.policy: 'ppo_ptz'; expected .*: ppo_ptx$"):
        arguments(find("rlhf"), wrong, [])
    # In the feedback pipeline the policies come with the tasks: it trains none.
    labels = ["labels=s3://bucket/labels#sha256=0"]
    assert (
        json.loads(arguments(find("feedback"), wrong, labels)["promotion"])["policy"] == "ppo_ptz"
    )


def test_inputs_that_name_the_newest_may_be_other_work_another_day() -> None:
    entry, reference = find("prompts"), "s3://bucket/x/0#sha256=0"
    fixed = ["raw_prompts=" + reference, "earlier=" + reference]
    assert not names_newest(entry, arguments(entry, config(), fixed))
    for text in ("earlier=latest-or-none", "earlier=latest", "earlier=signatures"):
        assert names_newest(entry, arguments(entry, config(), [*fixed, text]))
    labels = arguments(find("feedback"), config(), ["labels=latest"])
    assert names_newest(find("feedback"), labels | {"tasks": reference, "documents": reference})
    assert not names_newest(find("quickstart"), arguments(find("quickstart"), config(), []))
