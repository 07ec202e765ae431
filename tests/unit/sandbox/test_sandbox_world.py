"""What a small world holds: documents, prompts of many users, what was planted, demonstrations."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from small_stages import run_small
from written_world import Written

from components.core.dataset import open_manifest, read_records
from components.core.records import Demonstration, Prompt, RawPrompt, Reject
from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.stage import STAGE as PREPARATION
from components.sandbox import world_stage
from components.sandbox.config import FlawRates, WorldConfig
from components.sandbox.gold import GoldScorer
from components.sandbox.pii import CANARIES
from components.sandbox.requests import parse
from components.sandbox.vocabulary import draw_world
from components.sandbox.world_stage import write_demonstrations


def normal(prompt: RawPrompt) -> tuple[str, ...]:
    return tuple(" ".join(message.content.casefold().split()) for message in prompt.messages)


@pytest.fixture(scope="session")
def truth(written: Written) -> Any:
    return json.loads(written.truth.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def by_id(written: Written) -> dict[str, RawPrompt]:
    return {prompt.id: prompt for prompt in written.prompts}


# --- documents


def test_no_held_out_document_is_trained_on(written: Written) -> None:
    texts: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for document in written.documents:
        texts[document.split].add(document.text)
    assert not texts["test"] & texts["train"]
    assert len({document.id for document in written.documents}) == len(written.documents)
    counts = Counter(document.split for document in written.documents)
    assert counts["train"] == written.config.documents
    assert 0.8 * written.config.test_documents <= counts["test"] <= written.config.test_documents


def test_held_out_documents_are_of_the_world_and_no_question_pages(written: Written) -> None:
    """The public tasks measure what a model knows, and are not of the form that is trained."""
    held = [document.text for document in written.documents if document.split == "test"]
    assert not any("Assistant:" in text for text in held)
    pages = ["Assistant:" in d.text for d in written.documents if d.split == "train"]
    share = written.config.page_share
    assert abs(sum(pages) / len(pages) - share) < 4 * (share * (1 - share) / len(pages)) ** 0.5


# --- prompts


def test_every_prompt_is_one_of_the_world(written: Written, truth: Any) -> None:
    """Only a planted typo may hide what is asked."""
    damaged = {copy for _, copy in truth["duplicates"]["near"]}
    strange = {prompt.id for prompt in written.prompts if parse(prompt.messages) is None}
    assert strange <= damaged


def test_users_and_labelers_write_as_many_prompts_as_were_asked_for(
    written: Written, truth: Any
) -> None:
    config = written.config
    planted = {copy for pairs in truth["duplicates"].values() for _, copy in pairs}
    planted |= {canary["prompt_id"] for canary in truth["pii_canaries"]}
    own = [prompt for prompt in written.prompts if prompt.id not in planted]
    counts = Counter(prompt.user_id for prompt in own)
    users = {user: count for user, count in counts.items() if not user.startswith("labeler")}
    assert len(users) == config.users
    assert all(config.user_prompts_min <= n <= config.user_prompts_max for n in users.values())
    labelers = [prompt for prompt in own if prompt.source == "labeler"]
    assert len(labelers) == config.labelers * config.labeler_prompts
    kinds = Counter(prompt.kind for prompt in labelers)
    assert set(kinds.values()) == {len(labelers) // 3}  # a third of each kind
    asked = [(prompt.user_id, parse(prompt.messages)) for prompt in own]
    mixes = [
        Counter(request.skill for who, request in asked if who == user and request)
        for user in list(users)[:3]
    ]
    assert mixes[0] != mixes[1] != mixes[2]


def test_ids_are_in_the_order_of_time_and_tell_nothing(written: Written, truth: Any) -> None:
    assert [prompt.id for prompt in written.prompts] == sorted(p.id for p in written.prompts)
    times = [prompt.time for prompt in written.prompts]
    assert times == sorted(times)
    assert len({len(prompt.id) for prompt in written.prompts}) == 1
    # Nothing planted stands in a row: copies and canaries lie among all others.
    planted = {canary["prompt_id"] for canary in truth["pii_canaries"]}
    places = [place for place, prompt in enumerate(written.prompts) if prompt.id in planted]
    assert max(places) - min(places) > len(written.prompts) / 3


def test_planted_duplicates_are_what_the_answer_sheet_says(
    written: Written, truth: Any, by_id: dict[str, RawPrompt]
) -> None:
    duplicates = truth["duplicates"]
    total = sum(map(len, duplicates.values()))
    planted = total + len(truth["pii_canaries"])
    own = len(written.prompts) - planted
    assert total == round(written.config.duplicate_share * own)
    assert written.outputs.headline["planted_duplicates"] == total
    assert all(duplicates.values())
    for kind, pairs in duplicates.items():
        for original, copy in ((by_id[a], by_id[b]) for a, b in pairs):
            assert original.time < copy.time
            assert original.kind == copy.kind
            one, two = original.messages[-1].content, copy.messages[-1].content
            if kind == "near":
                assert len(one) == len(two)
                assert sum(a != b for a, b in zip(one, two, strict=True)) <= 1
            else:
                assert normal(original) == normal(copy)
                assert (one == two) == (kind == "exact")


def test_planted_pii_is_where_the_answer_sheet_says(
    written: Written, truth: Any, by_id: dict[str, RawPrompt]
) -> None:
    canaries = truth["pii_canaries"]
    each = Counter(canary["entity"] for canary in canaries)
    assert each == dict.fromkeys(CANARIES, written.config.canaries_per_entity)
    assert written.outputs.headline["planted_pii"] == len(canaries)
    for canary in canaries:
        assert canary["value"] in by_id[canary["prompt_id"]].messages[-1].content
    holding = [p.id for p in written.prompts
               if any(c["value"] in p.messages[-1].content for c in canaries)]  # fmt: skip
    assert sorted(holding) == sorted({canary["prompt_id"] for canary in canaries})


def test_preparation_finds_all_that_was_planted(
    written: Written, truth: Any, storage: Storage, root: str, tmp_path: Path
) -> None:
    outputs, _, _ = run_small(
        PREPARATION, PromptsConfig(), {"raw_prompts": written.outputs.references["raw_prompts"]},
        storage, root, tmp_path / "work",
    )  # fmt: skip
    prompts = list(read_records(storage, outputs.references["prompts"], Prompt))
    rejects = list(read_records(storage, outputs.references["rejects"], Reject))
    assert len(prompts) + len(rejects) == len(written.prompts)
    text = "\n".join(message.content for prompt in prompts for message in prompt.messages)
    for canary in truth["pii_canaries"]:
        assert canary["value"] not in text, canary["entity"]
    kept = {prompt.id for prompt in prompts}
    for kind, pairs in truth["duplicates"].items():
        both = [pair for pair in pairs if kept >= set(pair)]
        assert not both, (kind, both)
    # What redaction left can still be judged.
    redacted = [prompt for prompt in prompts if prompt.redactions]
    assert redacted
    assert all(parse(prompt.messages) for prompt in redacted)


def test_the_answer_sheet_is_published_apart(written: Written, storage: Storage) -> None:
    references = written.outputs.references
    assert set(references) == {"raw_prompts", "demonstrations", "pretraining", "truth"}
    assert open_manifest(storage, references["truth"]).kind == "export"
    assert {open_manifest(storage, references[name]).kind
            for name in set(references) - {"truth"}} == {"dataset"}  # fmt: skip


# --- demonstrations


def test_demonstrations_are_answers_of_all_labelers(written: Written) -> None:
    rows = written.demonstrations
    assert len(rows) == written.config.demonstrations
    load = Counter(row.labeler for row in rows)
    assert len(load) == written.config.labelers
    assert max(load.values()) - min(load.values()) <= 1
    judge = GoldScorer(draw_world(written.config.seed))
    scores = [judge.score(row.messages, row.completion) for row in rows]
    assert written.outputs.headline["demonstration_gold"] == pytest.approx(
        sum(scores) / len(scores)
    )


def flawed(**rates: float) -> tuple[WorldConfig, list[Demonstration]]:
    none = dict.fromkeys(FlawRates.model_fields, 0.0)
    config = WorldConfig(demonstrations=150, flaws=FlawRates(**(none | rates)))
    return config, list(write_demonstrations(draw_world(config.seed), config))


def test_labelers_without_flaws_write_ideal_answers_only() -> None:
    config, rows = flawed()
    judge = GoldScorer(draw_world(config.seed))
    for row in rows:
        assert judge.score(row.messages, row.completion) in (2.0, 2.5)


def test_flaws_come_as_often_as_they_should() -> None:
    """Each labeler's own rate is the average times a factor of 0.5 to 1.5."""
    config, rows = flawed(rude=0.4)
    judge = GoldScorer(draw_world(config.seed))
    rude = [judge.judge(row.messages, row.completion).rude for row in rows]
    assert 0.2 < sum(rude) / len(rude) < 0.6
    _, more = flawed(rude=1.0)
    assert sum(judge.judge(r.messages, r.completion).rude for r in more) > sum(rude)


# --- seeds


def test_a_seed_draws_the_same_world_again_and_another_seed_another(
    written: Written, storage: Storage, root: str, tmp_path: Path
) -> None:
    again, _, _ = run_small(world_stage.STAGE, written.config, {}, storage, root, tmp_path / "one")
    digests = {n: r.partition("#")[2] for n, r in written.outputs.references.items()}
    assert {n: r.partition("#")[2] for n, r in again.references.items()} == digests
    other = written.config.model_copy(update={"seed": 6})
    drawn, _, _ = run_small(world_stage.STAGE, other, {}, storage, root, tmp_path / "two")
    for name, reference in drawn.references.items():
        assert reference.partition("#")[2] != digests[name]
