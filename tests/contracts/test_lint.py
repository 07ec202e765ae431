"""Contracts as they are shipped, and what the lint and the lock find in others."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.record_agreement import disagreements
from data_contracts import contract as contracts
from data_contracts import lock
from data_contracts.contract import load, parse
from data_contracts.errors import ContractError
from data_contracts.fields import pii_fields
from data_contracts.lint import lint
from data_contracts.rules import first_broken

SOUND = """
name: prompts
version: 1
owner: data
description: For tests.
pii: pseudonymous
retention: {days: 30, reason: For tests.}
record: Redaction
key: [entity]
fields:
  - {name: entity, type: string, description: Its type., pii: pseudonym, regex: "[A-Z]+"}
  - {name: count, type: integer, description: How many., range: {min: 1}, default: 1}
rules:
  - {kind: unique_together, fields: [entity, count]}
examples:
  - {entity: EMAIL, count: 2}
  - {entity: EMAIL, count: 3}
"""


def test_shipped_contracts_have_no_fault() -> None:
    for contract in lock.existing():
        assert lint(contract) == []


def test_only_raw_prompts_hold_what_the_outside_calls_a_person() -> None:
    """All else that is published knows users and labelers by pseudonyms."""
    for contract in lock.existing():
        held = {kind for _, kind in pii_fields(contract.fields)}
        assert ("identifier" in held) == (contract.name == "raw_prompts"), contract.id
        assert (contract.pii == "personal") == (contract.name == "raw_prompts"), contract.id


@pytest.mark.parametrize(
    ("user_id", "kept"),
    [
        ("user-000017", True),
        ("user-9f86d081884c7d65", True),
        ("acme-corp", False),
        ("ada@example.org", False),
        ("17", False),
    ],
)
def test_a_prompt_is_published_under_a_pseudonym_only(user_id: str, kept: bool) -> None:
    prompts = load("prompts")
    row = prompts.examples[0] | {"user_id": user_id}
    assert (first_broken(prompts, row) is None) == kept


@pytest.mark.parametrize("name", contracts.names())
def test_the_newest_version_and_its_record_agree(name: str) -> None:
    assert disagreements(load(name)) == []


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("owner: data", 'owner: " "', "", "owner is blank"),
        ("description: For tests.", 'description: ""', "", "description is blank"),
        ("reason: For tests.", "reason: ''", "", "retention.reason is blank"),
        ("Its type.", "''", "entity", "description is blank"),
        (', regex: "[A-Z]+"', "", "entity", "a regex that refuses an address"),
        ('regex: "[A-Z]+"', 'regex: ".+"', "entity", "a regex that refuses an address"),
        ('pii: pseudonym, regex: "[A-Z]+"', "length: {min: 1}", "entity", "state its pii"),
        ("pii: pseudonym,", "pii: identifier,", "", "pii: pseudonymous, though a field is ident"),
        ("pii: pseudonymous", "pii: none", "", "expected pseudonymous"),
        ("How many.,", "How many., pii: free_text,", "count", "free_text is for strings"),
        ("default: 1", "default: 0", "count", "its default breaks its rule 'count: between 1"),
        ("default: 1", "default: one", "count", "its default breaks its rule 'count: type"),
        ("count: 2", "count: 0", "", "example 0 breaks the rule 'count: between 1"),
        ("count: 3", "number: 3", "", "example 1 lacks count"),
        ("count: 3", "count: 2", "", "two examples share entity, count"),
        ("EMAIL, count: 3", "EMAIL, count: 3, more: 1", "", "no column of prompts@1"),
        (
            "rules:\n",
            "rules:\n  - {kind: unique_together, fields: [entity, count]}\n",
            "",
            "two rules are called 'entity, count: unique together'",
        ),
    ],
)
def test_a_fault_is_found(old: str, new: str, path: str, words: str) -> None:
    assert lint(parse(SOUND, "v1")) == []
    assert SOUND.count(old) == 1
    (fault,) = lint(parse(SOUND.replace(old, new), "v1"))
    assert (fault.contract, fault.path) == ("prompts@1", path)
    assert words in fault.what


def test_a_contract_without_an_example_is_at_fault() -> None:
    assert [f.what for f in lint(parse(SOUND[: SOUND.index("examples")], "v1"))] == [
        "no example row"
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "path", "words"),
    [
        ("ratings", "record: Rating", "record: Poem", "", "records.py has no Poem"),
        ("ratings", "record: Rating", "record: Any", "", "records.py has no Any"),
        ("ratings", "name: rank,", "name: place,", "", "record Rating: lacks rank"),
        ("ratings", "name: rank, type: integer", "name: rank, type: number", "rank", "a number"),
        ("ratings", "heldout]", "heldout, other]", "labeler_group", "allows training, heldout"),
        ("rejects", ", nullable: true", "", "similarity", "may hold None here"),
        ("prompts", "name: count,", "name: n,", "redactions[]", "record Redaction: lacks count"),
    ],
)
def test_a_contract_that_differs_from_its_record_is_at_fault(
    name: str, old: str, new: str, path: str, words: str
) -> None:
    text = (contracts.FOLDER / name / f"v{load(name).version}.yaml").read_text("utf-8")
    assert text.count(old) == 1
    changed = text[: text.index("examples:")].replace(old, new)
    (fault,) = disagreements(parse(changed, name))
    assert fault.path == path
    assert words in fault.what


def test_released_versions_are_what_they_were_released_as() -> None:
    """Fails when a version was changed after `instructflow contracts lock` released it."""
    assert lock.departures(lock.read()) == {}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of contracts of its own: scores@1, released."""
    shutil.copytree(str(contracts.FOLDER / "scores"), tmp_path / "scores")
    monkeypatch.setattr(contracts, "FOLDER", tmp_path)
    contracts.load.cache_clear()
    (tmp_path / lock.LOCK).write_text(lock.to_yaml(lock.updated({})))
    yield tmp_path
    monkeypatch.undo()
    contracts.load.cache_clear()


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "scores" / "v1.yaml"
    assert file.read_text().count(old) == 1
    file.write_text(file.read_text().replace(old, new))
    contracts.load.cache_clear()


def test_lock_goes_through_its_file(folder: Path) -> None:
    assert list(lock.read()) == ["scores@1"]
    assert lock.departures(lock.read()) == {}
    assert lock.updated(lock.read()) == lock.read()


def test_changed_release_is_found_and_cannot_be_locked(folder: Path) -> None:
    edit(folder, "type: number", "type: integer")
    assert "changed after its release" in lock.departures(lock.read())["scores@1"]
    with pytest.raises(ContractError, match="scores@1 was changed after its release"):
        lock.updated(lock.read())


@pytest.mark.parametrize(
    ("old", "new"),
    [("length: {min: 1, max: 300}", "length: {min: 1, max: 30}"), ("pii: none, uni", "uni")],
)
def test_what_a_row_is_belongs_to_the_release(folder: Path, old: str, new: str) -> None:
    edit(folder, old, new)
    # That a class is stated, and not left to the default, is wording.
    expected = {"scores@1"} if "length" in old else set()
    assert set(lock.departures(lock.read())) == expected


def test_new_wording_shows_in_the_lock_and_nowhere_else(folder: Path) -> None:
    edit(folder, "description: The score.", "description: The true score.")
    assert "another wording" in lock.departures(lock.read())["scores@1"]
    before, after = lock.read()["scores@1"], lock.updated(lock.read())["scores@1"]
    assert before.rows == after.rows
    assert before.wording != after.wording


def test_new_version_is_to_be_released_and_a_released_one_to_stay(folder: Path) -> None:
    first = folder / "scores" / "v1.yaml"
    text = first.read_text().replace("version: 1", "version: 2")
    (folder / "scores" / "v2.yaml").write_text(text)
    contracts.load.cache_clear()
    assert "is not in lock.yaml" in lock.departures(lock.read())["scores@2"]
    first.unlink()
    contracts.load.cache_clear()
    assert "its file is gone" in lock.departures(lock.read())["scores@1"]


def test_file_that_calls_itself_otherwise_is_refused(folder: Path) -> None:
    edit(folder, "version: 1", "version: 2")
    with pytest.raises(ContractError, match=r"scores/v1\.yaml: says that it is scores@2"):
        load("scores")


def test_broken_lock_is_an_error(folder: Path) -> None:
    (folder / lock.LOCK).write_text("scores@1: {rows: 1}")
    with pytest.raises(ContractError, match=r"lock\.yaml"):
        lock.read()
