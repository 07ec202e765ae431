from collections import Counter
from pathlib import Path
from typing import Any

from rows_to_publish import SECRET, lines, rejects, rows_of

from components.core.records import (
    Demonstration,
    Document,
    Message,
    Ranking,
    RawPrompt,
)
from components.core.storage import Storage
from pipelines.publish import publish_file


def test_self_instruct(storage: Storage, root: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": "t0",
            "instruction": "Sort.",
            "instances": [{"input": "b a", "output": "a b"}, {"input": "", "output": "?"}],
        },
        {
            "id": "t1",
            "motivation_app": "Gmail",
            "instruction": "Greet.",
            "instances": [{"input": "", "output": "Hi"}],
        },
        {"id": "t2", "instruction": "Nothing.", "instances": []},
        {"id": "t3", "instruction": "Empty.", "instances": [{"input": "", "output": " "}]},
        {"id": "t4", "instruction": "Bad.", "instances": SECRET},
    ]
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(*rows))
    result = publish_file(storage, root, "demonstrations", [path], form="self-instruct")
    assert rows_of(storage, result, Demonstration) == [
        Demonstration("t0-0", "self_instruct", (Message("user", "Sort.\n\nb a"),), "a b"),
        Demonstration("t0-1", "self_instruct", (Message("user", "Sort."),), "?"),
        Demonstration("t1", "self_instruct", (Message("user", "Greet."),), "Hi"),
    ]
    assert result.rows_in == 6
    assert rejects(storage, result) == [
        (2, "malformed"),
        (3, "empty_completion"),
        (4, "malformed"),
    ]
    raw = publish_file(storage, root, "raw_prompts", [path], form="self-instruct")
    (gmail,) = (r for r in rows_of(storage, raw, RawPrompt) if r.id == "t1")
    assert (gmail.user_id, gmail.kind, gmail.source) == ("Gmail", "user_based", "labeler")


def reply(name: str, rank: int | None, *below: dict[str, Any]) -> dict[str, Any]:
    said = {"message_id": name, "role": "assistant", "text": f"says {name}", "replies": list(below)}
    return said if rank is None else said | {"rank": rank}


def asked(name: str, *replies: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": name, "role": "prompter", "text": f"asks {name}", "replies": [*replies]}


def test_oasst_trees(storage: Storage, root: str, tmp_path: Path) -> None:
    deep = asked("q2", reply("d", 2), reply("e", 0), reply("f", 1), reply("g", None))
    tree = {
        "message_tree_id": "tree",
        "prompt": asked("q1", reply("a", 1, deep), reply("b", 0, asked("q3")), reply("c", 4)),
    }
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(tree, {"prompt": SECRET}))
    result = publish_file(storage, root, "rankings", [path], form="oasst-trees")
    assert result.rows_in == 4
    assert sorted(rejects(storage, result)) == [(0, "too_few_outputs"), (1, "malformed")]
    found = {r.id: r for r in rows_of(storage, result, Ranking)}
    assert [o.id for o in found["q1"].outputs] == ["b", "a", "c"]
    assert found["q1"].ranks == (1, 2, 3)
    assert [o.id for o in found["q2"].outputs] == ["e", "f", "d"]
    assert [(m.role, m.content) for m in found["q2"].messages] == [
        ("user", "asks q1"),
        ("assistant", "says a"),
        ("user", "asks q2"),
    ]
    assert found["q1"].split == found["q2"].split
    best = publish_file(storage, root, "demonstrations", [path], form="oasst-trees")
    assert {r.id: r.completion for r in rows_of(storage, best, Demonstration)} == {
        "q1": "says b",
        "q2": "says e",
    }
    raw = publish_file(storage, root, "raw_prompts", [path], form="oasst-trees")
    assert [(r.id, r.user_id) for r in rows_of(storage, raw, RawPrompt)] == [("tree", "tree-tree")]


def test_prompt_completion_documents(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    pairs = [{"prompt": f"Ask {n}\n\n", "completion": " Tell<|endoftext|>"} for n in range(400)]
    path.write_bytes(lines(*pairs, {"prompt": " ", "completion": "<|endoftext|>"}))
    result = publish_file(storage, root, "pretraining", [path], form="prompt-completion")
    documents = rows_of(storage, result, Document)
    assert documents[0].text == "Ask 0\nTell"
    assert rejects(storage, result) == [(400, "empty_text")]
    splits = Counter(document.split for document in documents)
    assert set(splits) == {"train", "validation", "test"}
    assert splits["train"] > 370


def test_map_overrides_a_layout(storage: Storage, root: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({"user": "u", "prompt": "Why?", "time": 3, "title": "t1"}))
    result = publish_file(
        storage, root, "raw_prompts", [path], ["id=title", "source:=labeler"], form="prompts-chat"
    )
    assert rows_of(storage, result, RawPrompt) == [
        RawPrompt("t1", "u", "labeler", "plain", (Message("user", "Why?"),), 3)
    ]
