"""The first look at rows: what is wrong with each, and what tells it apart. No text goes on.

A map from Arrow batch to Arrow batch that sees one row at a time: whoever cuts rows into batches,
and wherever it runs, a row gives the same facts.
"""

from typing import Any

import pyarrow as pa

from components.core.records import RawPrompt
from components.core.shards import rows_of
from components.prompts.cap import draw
from components.prompts.dedup.signatures import digest
from components.prompts.row_ids import person_in
from components.prompts.text.normal_forms import conversations
from components.prompts.text.normalise import TURN

_KEY = pa.binary(16)
#: What is known of a row after the first look.
FACTS = pa.schema(
    [
        pa.field("row", pa.int64()),
        # The row's own id; "" where it may not be repeated.
        pa.field("id", pa.string()),
        # What makes a row malformed, or "".
        pa.field("fault", pa.string()),
        # Characters of all turns together.
        pa.field("characters", pa.int64()),
        pa.field("id_key", _KEY),
        pa.field("user_key", _KEY),
        # Of the normal form of the whole conversation: its digest, and its characters.
        pa.field("digest", _KEY),
        pa.field("length", pa.int64()),
        pa.field("time", pa.int64()),
        pa.field("source", pa.string()),
        # Place in the draw of those that stay below their user's cap.
        pa.field("draw", pa.uint64()),
    ]
)


def look(batch: pa.RecordBatch, first_row: int, max_characters: int, key: str) -> pa.RecordBatch:
    """Facts of raw rows.

    Args:
        batch: rows of ``raw_prompts``.
        first_row: the number of its first row in the whole dataset.
        max_characters: longer prompts are not looked at any further.
        key: of the draw.
    """
    raw = list(rows_of(batch))
    facts = [_facts(row, first_row + place, key) for place, row in enumerate(raw)]
    short = [
        place
        for place, fact in enumerate(facts)
        if not fact["fault"] and fact["characters"] <= max_characters
    ]
    texts = conversations([RawPrompt.from_row(raw[place]).messages for place in short])
    for place, text in zip(short, texts, strict=True):
        fact = facts[place]
        if text.rpartition(TURN)[2] in ("", "user: "):
            fact["fault"] = "the user's last turn holds nothing but invisible characters"
        fact |= {"digest": digest(text), "length": len(text)}
    return pa.RecordBatch.from_pylist(facts, schema=FACTS)


def _facts(row: dict[str, Any], number: int, key: str) -> dict[str, Any]:
    name, user = row["id"] or "", row["user_id"] or ""
    held = person_in(name, user)
    wrong = fault(row, held)
    return {
        "row": number,
        # Nobody's name is published, in an id neither; without a user nobody can tell whose it
        # holds. The row number finds the row.
        "id": name if user.strip() and not held else "",
        "fault": wrong,
        "characters": 0 if wrong else sum(len(turn["content"]) for turn in row["messages"]),
        "id_key": digest(name),
        "user_key": digest(user),
        "digest": bytes(16),
        "length": 0,
        "time": row["time"] or 0,
        "source": row["source"] or "",
        "draw": draw(key, name),
    }


def fault(row: dict[str, Any], held: str) -> str:
    """What is wrong with a raw row whose id names a person by ``held``, or ""."""
    if not row["id"]:
        return "id is empty"
    if not (row["user_id"] or "").strip():
        return "user_id is empty"
    if held:
        return f"id holds {held}"
    if row["source"] not in ("api", "labeler"):
        return "source is neither api nor labeler"
    if row["kind"] not in ("plain", "few_shot", "user_based"):
        return "kind is none of plain, few_shot, user_based"
    if row["time"] is None:
        return "time is missing"
    turns = row["messages"] or []
    if not all(turn and turn["role"] and turn["content"] is not None for turn in turns):
        return "a turn lacks its role or its text"
    if not turns or turns[-1]["role"] != "user":
        return "messages do not end with a user's turn"
    if not turns[-1]["content"].strip():
        return "the user's last turn is empty"
    return ""
