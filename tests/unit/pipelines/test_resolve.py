"""What a pipeline's first step makes of ``latest``, and that the steps behind it are given that."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler
from small_stages import published, published_folder

from components.core.records import Message, RawPrompt, Signature
from components.core.storage import Storage
from pipelines.catalogue import arguments, find
from pipelines.profile import load
from pipelines.resolve import resolve

RAW = RawPrompt("p1", "u1", "api", "plain", (Message("user", "hello"),), 0)
SIGNATURE = Signature("p0", "test", "0" * 32, 5, 1, "", "minhash-5gram-8bit:1", "AAAA", "1" * 64)


def test_latest_signatures_and_audit_become_digests(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    raw = published(storage, root, "raw_prompts", [RAW])
    signatures = published(storage, root, "signatures", [SIGNATURE])
    (tmp_path / "audit.json").write_text("{}")
    audit = published_folder(storage, root, "report", "prompts-audit", tmp_path)
    nothing = dict.fromkeys(("demonstrations", "pretraining", "rankings", "base"), "")
    found = resolve.python_func(
        raw_prompts="latest", signatures="latest", previous_audit="latest", **nothing
    )
    assert set(found) == {raw, signatures, audit, ""}
    again = resolve.python_func(raw_prompts=raw, signatures="", previous_audit="", **nothing)
    assert set(again) == {raw, ""}


def test_without_being_asked_a_run_looks_at_no_earlier_round() -> None:
    entry, config = find("rlhf"), load("real")
    given = arguments(entry, config, [])
    assert (given["earlier"], given["previous_audit"]) == ("", "")
    assert arguments(entry, config, ["earlier=latest"])["earlier"] == "latest"


def test_prompts_are_given_what_was_resolved(tmp_path: Path) -> None:
    compiler.Compiler().compile(find("rlhf").pipeline(), str(tmp_path / "rlhf.yaml"))
    spec = yaml.safe_load((tmp_path / "rlhf.yaml").read_text())
    tasks: dict[str, Any] = spec["root"]["dag"]["tasks"]
    given = tasks["prompts"]["inputs"]["parameters"]
    for name, output in (("earlier", "signatures"), ("previous_audit", "previous_audit")):
        source = given[name]["taskOutputParameter"]
        assert source == {"outputParameterKey": output, "producerTask": "resolve"}
    asked = tasks["resolve"]["inputs"]["parameters"]
    assert asked["signatures"] == {"componentInputParameter": "earlier"}
