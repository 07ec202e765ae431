"""Rows that nobody can use: each in the rejects with its row and reason, none lost."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from prompts_rows import RAW, prepared
from small_stages import published, run_small

from components.core.dataset import read_records
from components.core.records import Message, Prompt, RawPrompt, Reject
from components.core.shards import to_batch
from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.look import FACTS, look
from components.prompts.stage import STAGE
from pipelines.publish import publish_file

BAD, GOOD = 10_000, 500


def good(number: int) -> dict[str, Any]:
    return {
        "id": f"good-{number}",
        "user_id": f"user {number % 7}",
        "source": "api",
        "kind": "plain",
        "messages": [{"role": "user", "content": f"why is {number} less than {number * 7 + 1}?"}],
        "time": number,
    }


def bad(number: int) -> str:
    """A line of a file that breaks the contract, or is no row at all: one way after another."""
    turn = {"role": "user", "content": "hello"}
    ways: list[dict[str, Any]] = [
        {"messages": []},
        {"messages": [turn | {"role": "nobody"}]},
        {"messages": [turn, {"role": "assistant", "content": "hi"}]},
        {"messages": [turn | {"content": " \n"}]},
        {"messages": 7},
        {"messages": [turn | {"content": None}]},
        {"messages": [turn | {"content": "hold \ud800 that"}]},
        {"user_id": ""},
        {"user_id": None},
        {"id": ""},
        {"id": f"jo{number}@example.org"},
        {"id": "good-0"},
        {"source": "nobody"},
        {"kind": "odd"},
        {"time": -1},
        {"time": "yesterday"},
    ]
    lines = ['{"id": "half', '["no", "object"]', "\x00\x01"]
    way = number % (len(ways) + len(lines))
    if way >= len(ways):
        return lines[way - len(ways)]
    return json.dumps(good(number) | {"id": f"bad-{number}"} | ways[way])


def test_ten_thousand_malformed_rows_of_a_file_are_rejected_by_row_and_reason(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    lines = [bad(number) for number in range(BAD)]
    # A good row in front of every twentieth bad one.
    every = BAD // GOOD
    for number in reversed(range(GOOD)):
        lines.insert(every * number, json.dumps(good(number)))
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = publish_file(storage, root, "raw_prompts", [file])
    assert (done.rows_in, done.rows_out) == (BAD + GOOD, GOOD)
    assert sum(done.rejected.values()) == BAD
    rejects = list(read_records(storage, done.rejects, Reject))
    expected = [at for at in range(BAD + GOOD) if at % (every + 1) or at >= GOOD * (every + 1)]
    assert [reject.row for reject in rejects] == expected
    assert all(reject.reason and reject.rule for reject in rejects)
    shown = json.dumps([reject.to_row() for reject in rejects])
    assert "hello" not in shown
    assert "example.org" not in shown


def test_ten_thousand_malformed_rows_of_a_dataset_are_rejected_by_row_and_reason(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    """What keeps the contract of raw prompts, and yet can be no prompt."""
    ways = [
        ("id holds an address", {"id": "jo{}@example.org"}),
        ("user_id is empty", {"user_id": " \n"}),
        ("id holds its user's id", {"id": "log-of-person{0}", "user_id": "log-of-person{0}"}),
        ("invisible characters", {"messages": (Message("user", "\u200b\u2060"),)}),
    ]
    rows: list[RawPrompt] = []
    reasons: dict[int, str] = {}
    for number in range(BAD + GOOD):
        plain = good(number)
        row = plain | {"messages": (Message("user", plain["messages"][0]["content"]),)}
        if number % (BAD // GOOD + 1):
            fault, change = ways[number % len(ways)]
            reasons[number] = fault
            row |= {"id": f"bad-{number}"} | {
                key: value.format(number) if isinstance(value, str) else value
                for key, value in change.items()
            }
        rows.append(RawPrompt(**row))
    assert len(reasons) == BAD
    inputs = {"raw_prompts": published(storage, root, "raw_prompts", rows)}
    outputs, _, _ = run_small(STAGE, PromptsConfig(), inputs, storage, root, tmp_path / "work")
    rejects = list(read_records(storage, outputs.references["rejects"], Reject))
    kept = list(read_records(storage, outputs.references["prompts"], Prompt))
    malformed = [reject for reject in rejects if reject.reason == "malformed"]
    assert [reject.row for reject in malformed] == sorted(reasons)
    assert all(reasons[reject.row] in reject.rule for reject in malformed)
    assert not any("@" in reject.id or "person" in reject.id for reject in rejects)
    assert len(kept) + len(rejects) == BAD + GOOD
    assert outputs.headline["rejected.malformed"] == BAD


def test_a_row_of_nulls_is_malformed_and_stops_nothing() -> None:
    """Datasets from elsewhere may lack what their contract asks for."""
    whole = good(1)
    rows = [whole | {name: None} for name in whole]
    lacking = [], [None], [{"role": None, "content": "hi"}], [{"role": "user", "content": None}]
    rows += [whole | {"messages": turns} for turns in lacking]
    outcome = prepared([*(dict(row) for row in rows), good(2)])
    assert [prompt.id for prompt in outcome.prompts] == ["good-2"]
    assert Counter(reject.reason for reject in outcome.rejects) == {"malformed": len(rows)}


def test_facts_hold_no_text() -> None:
    rows = [good(1) | {"messages": [{"role": "user", "content": "a secret of mine"}]}]
    facts = look(to_batch(rows, RAW), 5, 1000, "key")
    assert facts.schema == FACTS
    (fact,) = facts.to_pylist()
    assert (fact["row"], fact["id"], fact["length"]) == (5, "good-1", 16)
    assert "secret" not in str(fact)
    assert "user 1" not in str(fact)
