"""What sends users to splits stays from round to round, or the next round does not begin."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_prompts_last_round import made
from test_prompts_rounds import raw, run

from components.core.config import ConfigError
from components.core.dataset import Provenance, publish_folder
from components.core.stage import Inputs
from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.report.last_round import LastRound, keep_splits, last_round, split_rules

LAST = LastRound("s3://the-last-audit", made(900), split_rules(PromptsConfig()))


def config(**settings: Any) -> PromptsConfig:
    return PromptsConfig.from_mapping(settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"split_key": "another"}, "prompts.split_key: changed"),
        ({"validation_share": 0.2}, "prompts.validation_share (0.2, was 0.1): changed"),
        (
            {"split_key": "another", "test_share": 0.0},
            "prompts.split_key, prompts.test_share (0.0, was 0.1): changed",
        ),
    ],
)
def test_a_change_of_what_sends_users_to_splits_is_refused(
    settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        keep_splits(LAST, config(**settings))
    message = str(caught.value)
    assert message.startswith(told)
    assert "input previous_audit: s3://the-last-audit" in message
    assert "users would move from split to split" in message
    assert "set it back, or begin a new series of rounds" in message
    # The first round of a series has nothing to keep to.
    keep_splits(None, config(**settings))


def test_other_settings_may_change() -> None:
    groups = {"berlin": ["anna"]}
    other = config(max_tokens=5, labeler_groups=groups, user_cap={"api": 3}, memory_mb=256)
    keep_splits(LAST, other)
    assert "anna" not in json.dumps(split_rules(other))
    assert "berlin" not in json.dumps(split_rules(other))


@pytest.mark.parametrize("audit", [{}, {"split_rules": None}, {"split_rules": ["?"]}])
def test_an_audit_of_an_older_version_is_taken(
    storage: Storage, root: str, tmp_path: Path, audit: dict[str, Any]
) -> None:
    folder = tmp_path / "audit"
    folder.mkdir()
    text = json.dumps(audit | {"profile": made(900).model_dump(mode="json")})
    (folder / "audit.json").write_text(text)
    given = publish_folder(storage, root, "report", "prompts-audit", folder, Provenance())
    last = last_round(Inputs({"previous_audit": given}, storage, tmp_path), "s3://this-round")
    assert last == replace(LAST, reference=given, split_rules={})
    keep_splits(last, config(split_key="another"))


def test_nothing_is_published_of_a_round_that_would_move_users(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    first_raw = raw(storage, root, 0, range(100))
    first, audit = run(storage, root, tmp_path / "1", {"raw_prompts": first_raw}, config())
    assert audit["split_rules"] == LAST.split_rules
    references = {
        "raw_prompts": raw(storage, root, 300, range(100)),
        "previous_audit": first.references["audit"],
    }
    before = [info.uri for info in storage.list(f"{root}/")]
    with pytest.raises(ConfigError, match=r"prompts\.split_key: changed"):
        run(storage, root, tmp_path / "2", references, config(split_key="another"))
    assert [info.uri for info in storage.list(f"{root}/")] == before
    # As a series of its own it goes through.
    del references["previous_audit"]
    run(storage, root, tmp_path / "3", references, config(split_key="another"))
