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
    nothing = dict.fromkeys(("demonstrations", "documents", "rankings", "base"), "")
    found = resolve.python_func(
        raw_prompts="latest", earlier="latest", previous_audit="latest", **nothing
    )
    assert found == (raw, "", "", "", signatures, audit, "")
    again = resolve.python_func(raw_prompts=raw, earlier="", previous_audit="", **nothing)
    assert again == (raw, "", "", "", "", "", "")


def test_what_may_be_empty_may_be_none_yet_and_the_rest_may_not(
    storage: Storage, root: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    optional = ("rankings", "earlier", "previous_audit", "base")
    required = ("raw_prompts", "demonstrations", "documents")
    asked = dict.fromkeys(optional, "latest-or-none") | dict.fromkeys(required, "")
    assert resolve.python_func(**asked) == ("",) * 7
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["input", name] for name in optional]
    for name in required:
        with pytest.raises(SystemExit):
            resolve.python_func(**asked | {name: "latest-or-none"})
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith(f"error: resolve: input {name}: cannot be latest-or-none")


def test_without_being_asked_a_run_looks_at_no_earlier_round() -> None:
    entry, config = find("rlhf"), load("real")
    given = arguments(entry, config, [])
    assert (given["earlier"], given["previous_audit"]) == ("", "")
    for value in ("latest", "latest-or-none"):
        assert arguments(entry, config, [f"earlier={value}"])["earlier"] == value


@pytest.mark.parametrize("pipeline", ["rlhf", "prompts"])
def test_prompts_are_given_what_was_resolved(tmp_path: Path, pipeline: str) -> None:
    """What ``latest-or-none`` is stays open until the first step of a run: in the compiled, too."""
    entry = find(pipeline)
    inputs = ["earlier=latest-or-none", "previous_audit=latest-or-none"]
    defaults = arguments(entry, load("real"), inputs)
    path = tmp_path / "dag.yaml"
    compiler.Compiler().compile(entry.pipeline(), str(path), pipeline_parameters=defaults)
    root = yaml.safe_load(path.read_text())["root"]
    tasks: dict[str, Any] = root["dag"]["tasks"]
    given, asked = (tasks[name]["inputs"]["parameters"] for name in ("prompts", "resolve"))
    for name in ("earlier", "previous_audit"):
        assert root["inputDefinitions"]["parameters"][name]["defaultValue"] == "latest-or-none"
        assert asked[name] == {"componentInputParameter": name}
        source = given[name]["taskOutputParameter"]
        assert source == {"outputParameterKey": name, "producerTask": "resolve"}
    assert tasks["resolve"]["cachingOptions"] == {}
