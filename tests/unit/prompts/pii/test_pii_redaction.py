"""Placeholders, policy, pseudonyms, canaries, and what the audit gets to see."""

import dataclasses
import pickle
from pathlib import Path
from typing import get_args

import pytest
from pii_gold import planted

from components import prompts
from components.core.config import ConfigError
from components.core.records import Message
from components.prompts.config import Action, PiiConfig
from components.prompts.pii import entity as entity_module
from components.prompts.pii.canaries import plant, recall
from components.prompts.pii.gate import Gate
from components.prompts.pii.redact import Finding, Redactor, Treated
from components.prompts.pii.registry import entities, policy

ENTITIES = entities(PiiConfig())
README = Path(prompts.__file__).with_name("README.md")


def redactor(max_hits: int = 20, key: bytes = b"key", **actions: Action) -> Redactor:
    config = PiiConfig(policy=dict(actions))
    return Redactor(ENTITIES, policy(config, ENTITIES), max_hits, key)


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


def text_of(treated: Treated) -> str:
    return treated.messages[-1].content


@pytest.mark.parametrize("entity", [entity.name for entity in ENTITIES])
def test_all_canaries_of_an_entity_are_found(entity: str) -> None:
    chosen = [known for known in ENTITIES if known.name == entity]
    outcomes = [(canary, redactor().treat(canary.messages)) for canary in plant(chosen, 60, "seed")]
    counts = recall(outcomes)
    assert counts.found == counts.planted == {entity: 60}
    assert counts.failed == ()


def test_a_broken_detector_fails_the_canaries_of_certain_types_only() -> None:
    blind = Redactor([], {}, 20, b"")
    outcomes = [(canary, blind.treat(canary.messages)) for canary in plant(ENTITIES, 1, "seed")]
    certain = {entity.name for entity in ENTITIES if entity.certain}
    assert set(recall(outcomes).failed) == certain
    assert {"EMAIL", "CARD", "IBAN", "SSN", "SECRET", "NATIONAL_ID", "CRYPTO"} <= certain


def test_placeholders_are_numbered_alike_over_a_conversation() -> None:
    turns = (
        Message("user", "I am a@x.org, my boss is b@x.org."),
        Message("assistant", "Hello A@X.ORG"),
        Message("user", "b@x.org and c@x.org"),
    )
    treated = redactor().treat(turns)
    assert [message.content for message in treated.messages] == [
        "I am [EMAIL_1], my boss is [EMAIL_2].",
        "Hello [EMAIL_1]",
        "[EMAIL_2] and [EMAIL_3]",
    ]
    assert [(r.entity, r.count) for r in treated.redactions] == [("EMAIL", 5)]


def test_one_number_written_in_two_ways_is_one_placeholder() -> None:
    text = "call (415) 555-2671, I mean 415-555-2671"
    assert text_of(redactor().treat(user(text))) == "call [PHONE_1], I mean [PHONE_1]"


def test_placeholders_of_an_earlier_round_keep_their_numbers() -> None:
    assert text_of(redactor().treat(user("[EMAIL_2] and d@x.org"))) == "[EMAIL_2] and [EMAIL_3]"


def test_policy_decides() -> None:
    text = user("a@x.org or 203.0.113.7")
    assert redactor(EMAIL="drop").treat(text).dropped == "pii: holds EMAIL"
    assert text_of(redactor(EMAIL="keep").treat(text)) == "a@x.org or [IP_1]"
    one = text_of(redactor(EMAIL="pseudonymise").treat(text))
    assert one == text_of(redactor(EMAIL="pseudonymise").treat(text))
    assert one != text_of(redactor(key=b"other", EMAIL="pseudonymise").treat(text))
    assert one.startswith("[EMAIL_")
    assert redactor(max_hits=1).treat(text).dropped == "pii: more than 1 values"


def test_a_value_that_is_kept_is_counted() -> None:
    treated = redactor(EMAIL="keep").treat(user("a@x.org"))
    assert treated.findings == (Finding("EMAIL", "email.address", "keep"),)
    assert treated.redactions == ()


def test_secrets_and_cards_drop_the_prompt_and_no_text_is_left() -> None:
    treated = redactor().treat(user("AKIAIOSFODNN7EXAMPLE"))
    assert treated.dropped == "pii: holds SECRET"
    assert treated.messages == ()


def test_unknown_entity_in_the_policy_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"prompts\.pii\.policy\.EMAILS: unknown entity"):
        policy(PiiConfig(policy={"EMAILS": "drop"}), ENTITIES)


def test_a_finding_has_no_room_for_a_value() -> None:
    """What the audit is made from: words of the program, none of the prompt's."""
    assert {field.name for field in dataclasses.fields(Finding)} == {"entity", "rule", "action"}
    names = {entity.name for entity in ENTITIES}
    rules = {rule.name for entity in ENTITIES for rule in entity.rules}
    redacting = redactor(max_hits=1000)
    found = 0
    for example in planted(2, seed=3):
        treated = redacting.treat(user(f"zebra {example.text} quagga"))
        for finding in treated.findings:
            found += 1
            assert finding.entity in names
            assert finding.rule in rules
            assert finding.action in get_args(Action)
        assert {redaction.entity for redaction in treated.redactions} <= names
        assert treated.dropped == "" or treated.dropped.startswith("pii: holds ")
        assert set(treated.dropped.removeprefix("pii: holds ").split(", ")) <= {"", *names}
    assert found >= 200


def test_the_entity_that_the_readme_adds_works() -> None:
    text = README.read_text("utf-8")
    code = text.partition("### A new entity")[2].partition("```python\n")[2].partition("```")[0]
    names = {**vars(entity_module), "PiiConfig": PiiConfig, "secret": None}
    exec(code, names)
    made = names["vat_number"](PiiConfig())
    redacting = Redactor([made], {"VAT": made.action}, 20, b"key")
    assert text_of(redacting.treat(user("it is DE136695976, not DE136695977"))) == (
        "it is [VAT_1], not DE136695977"
    )
    outcomes = [(canary, redacting.treat(canary.messages)) for canary in plant([made], 3, "seed")]
    assert recall(outcomes).found == {"VAT": 3}


def test_a_gate_crosses_process_borders() -> None:
    gate = pickle.loads(pickle.dumps(Gate(["a+b", "c"])))
    assert gate.open("xxaab") == [0]
    assert gate.open("cab") in ([0, 1], [1, 0])
    assert gate.open("zzz") == []
