"""Blind tasks, few-shot prefixes, choice of prompts: properties."""

import csv
import dataclasses
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.core.config import ConfigError
from components.core.errors import UserError
from components.core.records import FLAGS, Demonstration, Message, Prompt, Split
from components.human_eval.blind import blind_task
from components.human_eval.config import ExportConfig, FewShotConfig
from components.human_eval.export_stage import blind_all, choose, outputs_for
from components.human_eval.few_shot import examples_for, few_shot_turns, fitting
from components.human_eval.label_studio import label_config, transcript, write_project
from components.human_eval.systems import System, systems_of

MODELS = {"base": "s3://b/base", "prompted": "s3://b/base", "sft": "s3://b/sft"}


def prompt(number: int, split: Split = "train") -> Prompt:
    messages = (Message("user", f"question {number}"),)
    return Prompt(
        f"p{number}", "user-000001", "api", "plain", messages, 0, split, 3, "c", "open_qa", "en", ()
    )


def demonstration(number: int) -> Demonstration:
    return Demonstration(f"d{number}", "l", (Message("user", f"ask {number}"),), f"say {number}")


def test_identical_texts_are_one_output_whose_key_names_every_system() -> None:
    written = {"sft": ["x", "x"], "base": ["y"], "prompted": ["x"]}
    task, key = blind_task(prompt(1), written, MODELS, "salt")
    by_text = {output.text: output.id for output in task.outputs}
    assert set(by_text) == {"x", "y"}
    systems = {entry.output_id: (entry.system, entry.model) for entry in key}
    assert systems[by_text["x"]] == ("prompted+sft", "s3://b/base s3://b/sft")
    assert systems[by_text["y"]] == ("base", "s3://b/base")


def test_ids_and_order_tell_nothing_of_the_system() -> None:
    first = 0
    for number in range(400):
        written = {"sft": [f"s{number}"], "base": [f"b{number}"]}
        task, key = blind_task(prompt(number), written, MODELS, "salt")
        assert not any(name in o.id + task.id for o in task.outputs for name in MODELS)
        assert task.prompt_id not in task.id
        system = {entry.output_id: entry.system for entry in key}
        first += system[task.outputs[0].id] == "sft"
        # Swapping which system wrote which text changes nothing that a labeler sees.
        swapped = {"base": written["sft"], "sft": written["base"]}
        assert blind_task(prompt(number), swapped, MODELS, "salt")[0] == task
    assert 150 < first < 250


def test_another_export_has_other_ids() -> None:
    written = {"sft": ["a", "b"]}
    one, _ = blind_task(prompt(1), written, MODELS, "salt")
    other, _ = blind_task(prompt(1), written, MODELS, "pepper")
    assert one.id != other.id
    assert {o.id for o in one.outputs}.isdisjoint(o.id for o in other.outputs)


def test_every_prompt_is_a_task_or_a_reject() -> None:
    systems = [System("base", "s3://b/base", 0), System("sft", "s3://b/sft", 0)]
    texts: dict[str, dict[str, Sequence[str]]] = {
        "base": {"p0": ["a"], "p1": ["a"]},
        "sft": {"p0": ["b"], "p1": ["a"], "p2": ["c"]},
    }
    prompts = [prompt(0), prompt(1), prompt(2)]
    tasks, key, rejects = blind_all(prompts, systems, dict(texts), "salt", "origin")
    assert [task.prompt_id for task in tasks] == ["p0"]
    assert len(key) == 2
    assert [(r.id, r.reason) for r in rejects] == [("p1", "identical_outputs"), ("p2", "too_long")]


def test_choice_of_prompts_is_seeded_counted_and_by_split() -> None:
    prompts = [prompt(n, "train" if n < 20 else "validation") for n in range(30)]
    some = choose(prompts, ExportConfig(prompts=5, seed=1))
    assert len(some) == 5
    assert some == choose(list(reversed(prompts)), ExportConfig(prompts=5, seed=1))
    assert some != choose(prompts, ExportConfig(prompts=5, seed=2))
    assert len(choose(prompts, ExportConfig(prompts=500))) == 20
    both = choose(prompts, ExportConfig(prompts=5, also={"validation": 3}))
    assert sorted(p.split for p in both) == ["train"] * 5 + ["validation"] * 3
    with pytest.raises(UserError, match="split 'test'"):
        choose(prompts, ExportConfig(split="test"))


def test_k_is_drawn_from_the_whole_range() -> None:
    config = ExportConfig()
    drawn = {outputs_for(f"p{n}", config) for n in range(200)}
    assert drawn == {4, 5, 6, 7, 8, 9}


def test_a_bad_config_names_the_field() -> None:
    with pytest.raises(ConfigError, match=r"outputs_min \(5\) must be at most outputs_max \(4\)"):
        ExportConfig.from_mapping({"outputs_min": 5, "outputs_max": 4}, at="comparisons")
    with pytest.raises(ConfigError, match="split of 'prompts' already"):
        ExportConfig.from_mapping({"also": {"train": 3}})


def test_few_shot_examples_stand_before_the_conversation() -> None:
    messages = (Message("system", "be brief"), Message("user", "now you"))
    turns = few_shot_turns(messages, [demonstration(1), demonstration(2)])
    assert [(t.role, t.content) for t in turns] == [
        ("system", "be brief"),
        ("user", "ask 1"),
        ("assistant", "say 1"),
        ("user", "ask 2"),
        ("assistant", "say 2"),
        ("user", "now you"),
    ]


def test_few_shot_examples_are_seeded_and_never_the_prompt_itself() -> None:
    demonstrations = [demonstration(n) for n in range(4)]
    for number in range(4):
        # What a demonstration answers comes as a prompt, under an id of its own.
        own = dataclasses.replace(prompt(number), messages=demonstrations[number].messages)
        drawn = examples_for(own, demonstrations, 3, seed=0)
        assert len(drawn) == 3
        assert demonstrations[number] not in drawn
        assert drawn == examples_for(own, demonstrations, 3, seed=0)
    assert len(examples_for(prompt(9), demonstrations, 3, seed=0)) == 3
    assert examples_for(prompt(9), demonstrations, 0, seed=0) == []


def test_examples_that_do_not_fit_are_left_out() -> None:
    def encode(messages: Sequence[Message]) -> list[int]:
        return [0] * sum(len(m.content.split()) for m in messages)

    examples = [demonstration(n) for n in range(3)]
    messages = (Message("user", "two words"),)
    assert len(fitting(messages, examples, encode, room=14)) == 14
    assert len(fitting(messages, examples, encode, room=13)) == 10
    assert len(fitting(messages, examples, encode, room=1)) == 2


def test_systems_need_distinct_names_and_a_known_model() -> None:
    config = ExportConfig(few_shot=FewShotConfig())
    assert [s.name for s in systems_of([("base", "r1"), ("sft", "r2")], config)] == [
        "base",
        "sft",
        "prompted",
    ]
    with pytest.raises(UserError, match=r"few_shot\.model: got 'base'"):
        systems_of([("sft", "r2")], config)
    with pytest.raises(UserError, match="named 'sft'"):
        systems_of([("sft", "r1"), ("sft", "r2")], ExportConfig())


def test_the_project_has_a_control_for_everything_the_import_reads(tmp_path: Path) -> None:
    written = {"sft": ["=1+1", "two\nlines", ""], "base": ["y"]}
    task, _ = blind_task(prompt(1), written, MODELS, "salt")
    write_project(tmp_path, [task, task])
    root = ElementTree.fromstring((tmp_path / "config.xml").read_text())
    assert {r.get("name") for r in root.iter("Rating")} == {"overall_{{idx}}"}
    assert [r.get("maxRating") for r in root.iter("Rating")] == ["7"]
    assert [c.get("alias") for c in root.iter("Choice")] == list(FLAGS)
    assert [b.get("name") for b in root.iter("Bucket")] == ["rank1", "rank2", "rank3", "rank4"]
    data = json.loads((tmp_path / "label_studio.json").read_text())
    assert len(data) == 2
    assert data[0]["data"]["task_id"] == task.id
    assert [o["id"] for o in data[0]["data"]["outputs"]] == [o.id for o in task.outputs]
    assert "(no answer)" in [o["body"] for o in data[0]["data"]["outputs"]]
    with (tmp_path / "tasks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["output"] for row in rows[:4]] == [o.text for o in task.outputs]
    everything = "".join(p.read_text() for p in tmp_path.iterdir())
    assert "sft" not in everything
    assert "base" not in everything


def test_config_is_well_formed_for_any_k() -> None:
    for most in (2, 9, 40):
        assert len(list(ElementTree.fromstring(label_config(most)).iter("Bucket"))) == most


def test_transcripts_name_speakers_only_where_there_are_several() -> None:
    assert transcript([Message("user", "hi")]) == "hi"
    two = [Message("user", "hi"), Message("assistant", "yo"), Message("user", "bye")]
    assert transcript(two) == "User: hi\n\nAssistant: yo\n\nUser: bye"
