"""Two rounds through the stage: the second is compared with the first, and may be stopped."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.core.config import Config
from components.core.dataset import Provenance, publish_records, read_table
from components.core.errors import BadInput, UserError
from components.core.progress import Progress
from components.core.records import Message, RawPrompt
from components.core.stage import Context, Inputs, Outputs
from components.core.storage import Storage
from components.core.tracking import RecordingTracker
from components.prompts.config import PromptsConfig
from components.prompts.split import PSEUDONYM_KEY
from components.prompts.stage import STAGE

#: Words that make prompts of which no two are near-duplicates.
WORDS = (
    *("amber", "basil", "cedar", "delta", "ember", "fjord", "grain"),
    *("heath", "inlet", "joust", "karma", "lemon", "maple", "north"),
)


def raw(storage: Storage, root: str, start: int, users: range, extra: int = 0) -> str:
    """300 distinct short prompts; ``extra`` repetitions of the first of them."""
    rows = [
        RawPrompt(
            id=f"row{start + n}", user_id=f"customer {users[n % len(users)]}", source="api",
            kind="plain", messages=(Message("user", text(start + n)),), time=n,
        )
        for n in range(300)
    ]  # fmt: skip
    again = [
        RawPrompt(f"again{n}", "customer 0", "api", "plain", rows[n].messages, 1_000 + n)
        for n in range(extra)
    ]
    return publish_records(storage, root, "raw_prompts", rows + again, Provenance())


def text(number: int) -> str:
    a, b, c = (WORDS[number // 14**k % 14] for k in range(3))
    return f"What is {a} {b} {c}?"


def run(
    storage: Storage, root: str, workdir: Path, references: dict[str, str], config: Config
) -> tuple[Outputs, dict[str, Any]]:
    workdir.mkdir()
    tracker = RecordingTracker()
    inputs = Inputs(references, storage, workdir)
    outputs = Outputs(storage, root, Provenance(parents=inputs.parents()), tracker)
    context = Context(
        stage="prompts", run="r", storage=storage, root=root, tracker=tracker,
        progress=Progress("prompts"), workdir=workdir, work_key="w",
    )  # fmt: skip
    STAGE.run(config, inputs, outputs, context)
    folder = inputs.folder(outputs.references["audit"])
    return outputs, json.loads((folder / "audit.json").read_text())


def test_second_round_is_compared_with_the_first(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv(PSEUDONYM_KEY, "secret of the test, long enough!")
    first_raw = raw(storage, root, 0, range(100))
    first, audit = run(storage, root, tmp_path / "1", {"raw_prompts": first_raw}, PromptsConfig())
    assert audit["drift"] is None
    assert audit["profile"]["prompts_per_user"]["2-3"] == 100
    assert audit["profile"]["users"]["users"] == 100
    assert "customer" not in json.dumps(audit)
    assert first.page is not None
    assert "No audit of a last round was given" in first.page

    # Half of the users are new; 200 of 500 rows are duplicates.
    references = {
        "raw_prompts": raw(storage, root, 300, range(50, 150), extra=200),
        "previous_audit": first.references["audit"],
    }
    assert "drift" not in capsys.readouterr().out
    second, audit = run(storage, root, tmp_path / "2", references, PromptsConfig())
    # Whoever has the step's log only is told, too, under the default action: warn.
    lines = [text for text in capsys.readouterr().out.splitlines() if "drift" in text]
    assert len(lines) == 1
    assert lines[0].startswith("prompts: drift beyond stop (0.25): ")
    assert re.search(r"duplicates \d\.\d\d \(duplicate 0% -> 40%\)", lines[0])
    figures = {figure["name"]: figure for figure in audit["drift"]["figures"]}
    assert figures["duplicates"]["level"] == "stop"
    assert figures["duplicates"]["before"] == {"duplicate": 0.0, "other": 1.0}
    assert figures["duplicates"]["now"] == {"duplicate": 0.4, "other": 0.6}
    assert figures["length"]["level"] == figures["language"]["level"] == "stable"
    assert second.headline["drift.duplicates"] == figures["duplicates"]["psi"]
    # 50 new ones and the one whose rows repeat, customer 0, who was there before: 50 of 101.
    assert audit["drift"]["new_users_share"] == pytest.approx(50 / 101)
    assert second.headline["new_users_share"] == pytest.approx(50 / 101)
    assert second.page is not None
    assert "drifted, beyond stop" in second.page

    # The same again, given its own audit as the latest, says the same.
    again = references | {"previous_audit": second.references["audit"]}
    third, audit_again = run(storage, root, tmp_path / "3", again, PromptsConfig())
    assert audit_again == audit
    assert third.references == second.references


def test_a_round_that_drifted_is_not_published_where_that_stops_it(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    first_raw = raw(storage, root, 0, range(100))
    first, _ = run(storage, root, tmp_path / "1", {"raw_prompts": first_raw}, PromptsConfig())
    references = {
        "raw_prompts": raw(storage, root, 300, range(100), extra=200),
        "previous_audit": first.references["audit"],
    }
    config = PromptsConfig.from_mapping({"drift": {"action": "stop"}})
    before = [info.uri for info in storage.list(f"{root}/")]
    with pytest.raises(BadInput, match=r"duplicates \d\.\d\d \(duplicate: 0% -> 40%\)"):
        run(storage, root, tmp_path / "2", references, config)
    assert [info.uri for info in storage.list(f"{root}/")] == before
    # What drift does is no part of what rows become.
    assert config.rules() == PromptsConfig().rules()


def test_a_round_with_a_short_key_of_pseudonyms_does_not_start(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PSEUDONYM_KEY, "sunshine")
    nothing = f"{root}/datasets/raw_prompts/{'0' * 16}#sha256={'0' * 64}"
    config = PromptsConfig()
    context: Any = None
    outputs: Any = None
    inputs = Inputs({"raw_prompts": nothing}, storage, tmp_path)
    with pytest.raises(UserError, match=PSEUDONYM_KEY):
        STAGE.run(config, inputs, outputs, context)
    assert list(storage.list(f"{root}/")) == []


@pytest.mark.parametrize("secret", ["", "secret of the test, long enough!"])
def test_nothing_that_is_published_names_a_user(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """Whatever becomes of a row: kept, malformed, too long, PII, duplicate, capped."""
    monkeypatch.setenv(PSEUDONYM_KEY, secret)
    whose = "zanzibar-4711"
    said = {
        "a": text(0), "b": text(0), f"{whose}-c": text(1), f"{whose}@example.org": text(2),
        "d": "my card is 4111 1111 1111 1111", "e": "word " * 2_000, "f": text(3), "g": text(4),
        "h": "", "i": text(3), "j": text(4),
    }  # fmt: skip
    rows = [
        RawPrompt(name, whose, "api", "plain", (Message("user", words or "\u200b"),), n)
        for n, (name, words) in enumerate(said.items())
    ]
    reference = publish_records(storage, root, "raw_prompts", rows, Provenance())
    config = PromptsConfig.from_mapping({"user_cap": {"api": 2}})
    outputs, audit = run(storage, root, tmp_path / "1", {"raw_prompts": reference}, config)
    assert set(audit["rejected"]) == {"malformed", "too_long", "pii", "duplicate", "user_cap"}
    rejects = read_table(storage, outputs.references["rejects"]).to_pylist()
    assert [row["id"] for row in rejects if row["reason"] == "malformed"] == ["", "", "h"]
    for name in ("prompts", "rejects", "signatures"):
        rows_of = read_table(storage, outputs.references[name]).to_pylist()
        assert rows_of
        assert whose not in repr(rows_of)
    for info in storage.list(f"{root}/"):
        if "/datasets/raw_prompts/" not in info.uri and not info.uri.endswith(".parquet"):
            assert whose.encode() not in storage.get_bytes(info.uri), info.uri
    assert outputs.page is not None
    assert whose not in outputs.page
