"""Names by a model: redacted, no reason to drop; nothing is imported unless switched on."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from components.core.config import ConfigError
from components.core.errors import UserError
from components.core.records import Message
from components.prompts.config import Action, PiiConfig
from components.prompts.pii.entity import Entity
from components.prompts.pii.names import SpacyNames
from components.prompts.pii.redact import Finding, Redactor
from components.prompts.pii.registry import entities, policy


@dataclass(frozen=True)
class KnownNames:
    """Stands in for a model: finds words of two lists."""

    persons: tuple[str, ...] = ("Ada Lovelace", "Bob", "PERSON")
    places: tuple[str, ...] = ("Paris", "Bob Street")

    def find(self, text: str) -> list[tuple[int, int, str]]:
        return [
            (text.index(word), text.index(word) + len(word), entity)
            for words, entity in ((self.persons, "PERSON"), (self.places, "LOCATION"))
            for word in words
            if word in text
        ]


def known(**config: object) -> tuple[Entity, ...]:
    return tuple(
        replace(entity, names=KnownNames()) if entity.names else entity
        for entity in entities(PiiConfig.from_mapping({"ner": True, **config}))
    )


def redactor(max_hits: int = 20, **actions: Action) -> Redactor:
    everyone = known()
    return Redactor(
        everyone, policy(PiiConfig(ner=True, policy=dict(actions)), everyone), max_hits, b"key"
    )


def test_names_and_values_are_replaced_side_by_side() -> None:
    turns = (Message("user", "Ada Lovelace (ada@x.org) is in Paris"), Message("user", "Bob?"))
    treated = redactor().treat(turns)
    assert [message.content for message in treated.messages] == [
        "[PERSON_1] ([EMAIL_1]) is in [LOCATION_1]",
        "[PERSON_2]?",
    ]
    assert Finding("PERSON", "person.model", "redact") in treated.findings
    assert {(r.entity, r.count) for r in treated.redactions} == {
        ("EMAIL", 1), ("LOCATION", 1), ("PERSON", 2)}  # fmt: skip


def test_a_placeholder_is_no_name_and_names_never_drop() -> None:
    # This model takes PERSON for a name, also in its own placeholder; and names do not count.
    treated = redactor(max_hits=1).treat(
        (Message("user", "Bob saw PERSON in Paris, Ada Lovelace"),)
    )
    assert treated.dropped == ""
    assert treated.messages[0].content == "[PERSON_1] saw [PERSON_2] in [LOCATION_1], [PERSON_3]"


def test_a_name_that_runs_into_a_placeholder_goes_without_it() -> None:
    class Greedy:
        def find(self, text: str) -> list[tuple[int, int, str]]:
            return [(0, len(text), "PERSON")] if "Bob" in text else []

    greedy = tuple(replace(e, names=Greedy()) if e.names else e for e in known())
    redacting = Redactor(greedy, policy(PiiConfig(ner=True), greedy), 20, b"key")
    treated = redacting.treat((Message("user", "bob@x.org Bob"),))
    assert treated.messages[0].content == "[EMAIL_1] [PERSON_1]"


def test_of_two_names_that_overlap_the_first_is_taken() -> None:
    treated = redactor().treat((Message("user", "at Bob Street"),))
    assert treated.messages[0].content.startswith("at [")
    assert "Bob" not in treated.messages[0].content


def test_policy_for_names() -> None:
    kept = redactor(PERSON="keep").treat((Message("user", "Bob in Paris"),))
    assert kept.messages[0].content == "Bob in [LOCATION_1]"
    assert Finding("PERSON", "person.model", "keep") in kept.findings
    with pytest.raises(ConfigError, match=r"prompts\.pii\.policy\.PERSON: got drop"):
        policy(PiiConfig(ner=True, policy={"PERSON": "drop"}), known())
    with pytest.raises(ConfigError, match="PERSON: unknown entity"):
        policy(PiiConfig(policy={"PERSON": "redact"}), entities(PiiConfig()))


def test_without_the_switch_spacy_is_not_imported() -> None:
    code = (
        "import sys\n"
        "from components.core.records import Message\n"
        "from components.prompts.config import PiiConfig\n"
        "from components.prompts.pii.redact import Redactor\n"
        "from components.prompts.pii.registry import entities, policy\n"
        "config = PiiConfig()\n"
        "known = entities(config)\n"
        "redactor = Redactor(known, policy(config, known), 20, b'')\n"
        "assert redactor.treat((Message('user', 'Bob, a@x.org'),)).redactions\n"
        "assert 'spacy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_missing_extra_or_model_is_the_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UserError, match=r"install the extra: pip install 'instructflow\[ner\]'"):
        SpacyNames("no-such-model").find("Bob")


def test_the_model_that_installs_from_pypi() -> None:
    pytest.importorskip("spacy", reason="the extra ner is not installed")
    text = "My friend John Miller moved to Berlin last year. \ud800"
    found = SpacyNames(PiiConfig().ner_model).find(text)
    assert [(text[start:end], entity) for start, end, entity in found] == [
        ("John Miller", "PERSON"), ("Berlin", "LOCATION")]  # fmt: skip
    assert SpacyNames(PiiConfig().ner_model).find("12 + 30 = 42") == []
    with pytest.raises(UserError, match="expected an installed spaCy model or the folder of one"):
        SpacyNames("no/such/folder").find("Bob")


def test_a_model_in_a_folder(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="the extra ner is not installed")
    own = spacy.blank("en")
    own.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Xanthippe"}])
    own.to_disk(tmp_path / "model")
    assert SpacyNames(str(tmp_path / "model")).find("to Xanthippe") == [(3, 12, "PERSON")]


def test_long_texts_are_read_piece_by_piece() -> None:
    pytest.importorskip("spacy", reason="the extra ner is not installed")
    text = "lorem ipsum " * 9_000 + "My friend John Miller moved to Berlin."
    found = SpacyNames(PiiConfig().ner_model).find(text)
    assert (text.index("John Miller"), text.index("John Miller") + 11, "PERSON") in found
