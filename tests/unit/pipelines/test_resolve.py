"""The first step of a pipeline on published data."""

from pathlib import Path

import pytest

from components.core.dataset import Provenance, publish_folder
from components.core.storage import Storage
from pipelines.catalogue import find
from pipelines.resolve import resolve


def test_latest_audit_of_prompts_is_the_last_rounds_report(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    (tmp_path / "audit.json").write_text("{}")
    audit = publish_folder(storage, root, "report", "prompts-audit", tmp_path, Provenance())
    others = ("raw_prompts", "demonstrations", "pretraining", "rankings", "signatures", "base")
    found = resolve.python_func(**dict.fromkeys(others, ""), previous_audit="latest")
    assert [reference for reference in found if reference] == [audit]
    # A first round has none, so nothing is asked for unless somebody does.
    assert find("rlhf").inputs["previous_audit"] == ""
