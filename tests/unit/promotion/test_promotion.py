"""The gate, and what promotion records."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from small_stages import published_folder, run_small

from components.core.config import ConfigError
from components.core.dataset import download_folder
from components.core.errors import BadInput
from components.core.storage import Storage
from components.promotion import stage
from components.promotion.config import PromotionConfig
from components.promotion.gate import decide

POLICY = "s3://b/models/ppo_ptx/0123#sha256=" + "0" * 64


def summary(low: float, reference: str = POLICY) -> dict[str, Any]:
    return {
        "baseline": "sft",
        "policies": {"ppo_ptx": reference, "sft": "s3://b/sft"},
        "win_rates": {"ppo_ptx": {"win_rate": 0.6, "ci_low": low, "ci_high": 0.65, "n": 400}},
        "public_tasks": {"ppo_ptx": {"loss": 0.7, "accuracy": None}},
        "gold": {"ppo_ptx": 1.1},
    }


def test_the_interval_has_to_lie_above_the_minimum() -> None:
    config = PromotionConfig()
    assert decide(summary(0.501), POLICY, config).promoted
    refused = decide(summary(0.5), POLICY, config)
    assert not refused.promoted
    assert refused.reason == (
        "win rate of 'ppo_ptx' against 'sft': 0.600, interval 0.500 to 0.650; "
        "its lower end has to lie above 0.5"
    )
    assert not decide(summary(0.55), POLICY, PromotionConfig(minimum_win_rate=0.57)).promoted


def test_evidence_is_the_reports_figures_of_this_policy() -> None:
    assert decide(summary(0.57), POLICY, PromotionConfig()).evidence == {
        "win_rate": 0.6, "ci_low": 0.57, "ci_high": 0.65, "n": 400.0,
        "public_loss": 0.7, "gold": 1.1,
    }  # fmt: skip


def test_a_report_on_another_policy_is_no_evidence() -> None:
    for gate in ("win_rate", "report"):
        config = PromotionConfig.from_mapping({"gate": gate})
        decision = decide(summary(0.57, "s3://b/other"), POLICY, config)
        assert not decision.promoted
        assert "another policy of this name" in decision.reason
    nothing = {**summary(0.57), "policies": {}}
    assert "no policy of this name" in decide(nothing, POLICY, PromotionConfig()).reason


def test_without_labels_only_the_report_gate_opens() -> None:
    unlabeled = {**summary(0.57), "win_rates": {}}
    assert not decide(unlabeled, POLICY, PromotionConfig()).promoted
    assert decide(unlabeled, POLICY, PromotionConfig(gate="report")).promoted


@pytest.mark.parametrize("alias", ["latest", "v3", "", "a b"])
def test_aliases_that_mlflow_keeps_for_itself_are_config_errors(alias: str) -> None:
    with pytest.raises(ConfigError, match=r"promotion\.alias"):
        PromotionConfig.from_mapping({"alias": alias}, at="promotion")


class Registry:
    """Stands in MLflow's registry's place and keeps what was registered."""

    def __init__(self) -> None:
        self.registered: list[tuple[str, str, dict[str, str], str]] = []

    def register(self, reference: str, name: str, tags: Mapping[str, str], alias: str) -> str:
        self.registered.append((reference, name, dict(tags), alias))
        return "7"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    monkeypatch.setattr(stage, "register_policy", registry.register)
    return registry


@pytest.fixture
def policies(storage: Storage, root: str, tmp_path: Path) -> list[str]:
    references = []
    for name in ("ppo", "ppo_ptx"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"name": name}))
        references.append(published_folder(storage, root, "policy", name, tmp_path / name))
    return references


def report(storage: Storage, root: str, folder: Path, content: str) -> str:
    folder.mkdir()
    (folder / "summary.json").write_text(content)
    return published_folder(storage, root, "report", "evaluation", folder)


def release(storage: Storage, outputs: Any, folder: Path) -> dict[str, Any]:
    found = download_folder(storage, outputs.references["release"], folder)
    content: dict[str, Any] = json.loads((found / "release.json").read_text())
    return content


def test_a_policy_that_passes_is_registered_with_its_evidence(
    registry: Registry, policies: list[str], storage: Storage, root: str, tmp_path: Path
) -> None:
    reference = report(storage, root, tmp_path / "r", json.dumps(summary(0.57, policies[1])))
    inputs = {"policies": policies, "report": reference}
    outputs, _, _ = run_small(
        stage.STAGE, PromotionConfig(), inputs, storage, root, tmp_path / "work"
    )
    ((policy, name, tags, alias),) = registry.registered
    assert (policy, name, alias) == (policies[1], "policy", "candidate")
    assert tags["report"] == reference
    assert tags["evidence.ci_low"] == "0.57"
    assert outputs.headline == {"promoted": 1.0}
    found = release(storage, outputs, tmp_path / "release")
    assert (found["promoted"], found["version"], found["alias"]) == (True, "7", "candidate")


def test_a_policy_that_fails_is_not_registered_and_the_reason_is_kept(
    registry: Registry, policies: list[str], storage: Storage, root: str, tmp_path: Path
) -> None:
    reference = report(storage, root, tmp_path / "r", json.dumps(summary(0.48, policies[1])))
    inputs = {"policies": policies, "report": reference}
    outputs, _, _ = run_small(
        stage.STAGE, PromotionConfig(), inputs, storage, root, tmp_path / "work"
    )
    assert registry.registered == []
    assert outputs.headline == {"promoted": 0.0}
    found = release(storage, outputs, tmp_path / "release")
    assert (found["promoted"], found["version"], found["alias"]) == (False, "", "")
    assert "0.480" in found["reason"]
    assert "Not promoted" in str(outputs.page)


def test_without_the_policy_there_is_nothing_to_promote(
    registry: Registry, policies: list[str], storage: Storage, root: str, tmp_path: Path
) -> None:
    reference = report(storage, root, tmp_path / "r", json.dumps(summary(0.57)))
    inputs = {"policies": policies[:1], "report": reference}
    # Not even where a report is enough.
    outputs, _, _ = run_small(
        stage.STAGE, PromotionConfig(gate="report"), inputs, storage, root, tmp_path / "work"
    )
    assert registry.registered == []
    assert outputs.headline == {"promoted": 0.0}
    found = release(storage, outputs, tmp_path / "release")
    assert (found["promoted"], found["policy"], found["version"]) == (False, "", "")
    assert found["reason"] == ("nothing to promote: 'ppo_ptx' is not among the policies given: ppo")


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_malformed_report_is_bad_input(
    registry: Registry,
    policies: list[str],
    storage: Storage,
    root: str,
    tmp_path: Path,
    content: str,
) -> None:
    inputs = {"policies": policies, "report": report(storage, root, tmp_path / "r", content)}
    with pytest.raises(BadInput, match=r"summary\.json"):
        run_small(stage.STAGE, PromotionConfig(), inputs, storage, root, tmp_path / "work")
