"""Which round a round is compared with, and what people see of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.core import dataset
from components.core.dataset import Provenance
from components.core.errors import BadInput
from components.core.stage import Inputs
from components.core.storage import Storage
from components.prompts.config import DriftConfig
from components.prompts.report.drift import compare
from components.prompts.report.drift_view import line, section
from components.prompts.report.last_round import AUDIT, INPUT, LastRound, compare_rounds, last_round
from components.prompts.report.profile import Profile, profile

RAW = ["s3://b/datasets/raw_prompts/{0}#sha256={0}{0}{0}{0}".format(c * 16) for c in "abc"]


def counts(english: int) -> dict[str, Any]:
    return {
        "raw": 1_000,
        "rejected": {},
        "tokens": {"bins": {"16-31": 1_000}},
        "languages": {"en": english, "<de>": 1_000 - english},
        "use_cases": {"chat": {"count": 1_000}},
    }


def made(english: int, last: Profile | None = None) -> Profile:
    return profile(counts(english), {1: 9}, None, last)


def audit(storage: Storage, root: str, folder: Path, text: Any, parents: tuple[str, ...]) -> str:
    folder.mkdir()
    (folder / AUDIT).write_text(json.dumps(text))
    return dataset.publish_folder(
        storage, root, "report", "prompts-audit", folder, Provenance(parents=parents)
    )


def found(storage: Storage, path: Path, given: str, raw: str) -> str:
    last = last_round(Inputs({INPUT: given}, storage, path), raw)
    return last.reference if last else ""


def test_the_audit_that_is_given_is_the_last_round(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    plain = made(900).model_dump(mode="json")
    first = audit(storage, root, tmp_path / "1", {"profile": plain}, (RAW[0],))
    last = last_round(Inputs({INPUT: first}, storage, tmp_path), RAW[1])
    assert last is not None
    assert (last.reference, last.profile) == (first, made(900))
    assert last_round(Inputs({INPUT: ""}, storage, tmp_path), RAW[1]) is None


def test_a_rerun_that_is_given_its_own_audit_goes_back_to_the_last_round(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    texts = [{"profile": made(n).model_dump(mode="json")} for n in (900, 800)]
    first = audit(storage, root, tmp_path / "1", texts[0], (RAW[0],))
    second = audit(storage, root, tmp_path / "2", texts[1], (first, RAW[1]))
    assert found(storage, tmp_path, second, RAW[2]) == second
    assert found(storage, tmp_path, second, RAW[1]) == first
    # The first round has none to go back to.
    assert found(storage, tmp_path, first, RAW[0]) == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ({"raw": 3}, "an older version made it"),
        ([], "an older version made it"),
        ({"profile": {"lengths": {}}}, "profile.languages: missing"),
        ({"profile": None}, "profile"),
    ],
)
def test_an_audit_without_a_profile_is_refused(
    storage: Storage, root: str, tmp_path: Path, text: Any, says: str
) -> None:
    reference = audit(storage, root, tmp_path / "1", text, (RAW[0],))
    with pytest.raises(BadInput, match=f"input {INPUT}: .*{says}"):
        found(storage, tmp_path, reference, RAW[1])


def test_what_is_no_audit_is_refused(storage: Storage, root: str, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y").write_text("y")
    policy = dataset.publish_folder(storage, root, "policy", "sft", tmp_path / "x", Provenance())
    with pytest.raises(BadInput, match="is policy/sft; expected report/prompts-audit"):
        found(storage, tmp_path, policy, RAW[1])


def test_an_audit_gets_profile_and_drift() -> None:
    text = counts(600)
    assert compare_rounds(text, None, {1: 9}, None, DriftConfig()) is None
    assert text["drift"] is None
    assert Profile.from_mapping(text["profile"]) == made(600)
    last = LastRound("s3://a", made(900))
    drift = compare_rounds(text, last, {1: 9}, None, DriftConfig())
    assert drift is not None
    assert (drift.level, text["drift"]["level"]) == ("stop", "stop")
    assert text["drift"]["previous"] == "s3://a"


def test_a_line_says_what_drifted_beyond_what() -> None:
    def told(english: int) -> str:
        text = counts(english)
        compare_rounds(text, LastRound("s3://a", made(900)), {1: 9}, None, DriftConfig())
        return line(text["drift"])

    # The indices of test_drift_stops_a_round_where_it_is_to.
    end = "; population stability index against the last round"
    assert told(600) == "beyond stop (0.25): language 0.54 (en 90% -> 60%)" + end
    assert told(750) == "beyond warn (0.1): language 0.16 (en 90% -> 75%)" + end
    assert told(890) == "none beyond warn (0.1) and chance" + end


def test_drift_stops_a_round_where_it_is_to() -> None:
    last = LastRound("s3://a", made(900))
    config = DriftConfig(action="stop")
    # .3 (ln 4 + ln 1.5) = .3 * 1.791759 = .5375
    with pytest.raises(BadInput, match=r"language 0\.54 \(en: 90% -> 60%\).*below 0\.25"):
        compare_rounds(counts(600), last, {1: 9}, None, config)
    # .15 (ln 2.5 + ln 1.2) = .165: above warn, and no reason to stop.
    drift = compare_rounds(counts(750), last, {1: 9}, None, config)
    assert drift is not None
    assert drift.level == "warn"


def test_page_tells_what_moved_and_escapes_it() -> None:
    config = DriftConfig(action="stop")
    plain = compare(made(900), made(600), config).to_plain("s3://a", config)
    page = section({"drift": json.loads(json.dumps(plain, allow_nan=False))})
    assert "&lt;de&gt; 10% → 40%" in page
    assert "<de>" not in page
    assert "<b>drifted, beyond stop</b>" in page
    assert "stops the round from 0.25" in page
    assert page.count("<tr>") == 6
    assert "No audit of a last round was given" in section({"drift": None})
