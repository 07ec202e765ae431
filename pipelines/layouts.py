"""Known layouts of public data, and how each becomes rows of a dataset.

A layout turns one row of a file into items. An item is a row to be, or a reject with its reason, so
that items in = rows out + rejects. ``--map`` overrides what a layout fills in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from components.core.config import sha256_hex

#: A prompt with fewer human-ranked replies says little beside the paper's K of 4 to 9.
MIN_REPLIES = 3
#: Out of 100 rows by the hash of their group: test rows come first, then validation.
DOCUMENT_SPLIT = (1, 1)
RANKING_SPLIT = (15, 15)

END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Item:
    """A row to be (``row``), or why there is none (``reason``, ``rule``)."""

    row: dict[str, Any]
    reason: str = ""
    rule: str = ""


class LayoutError(Exception):
    """A row does not have the layout's form; says what was expected, never what was found."""


Layout = Callable[[str, dict[str, Any]], Iterator[Item]]


def split_of(group: str, percent: tuple[int, int]) -> str:
    """train, validation or test by a group's hash: the same group is always in the same split."""
    place = int(sha256_hex(group)[:8], 16) % 100
    test, validation = percent
    return "test" if place < test else "validation" if place < test + validation else "train"


def plain(dataset: str, source: dict[str, Any]) -> Iterator[Item]:
    """Columns that are called like a field are that field; the rest comes from ``--map``."""
    yield Item(dict(source))


def prompts_chat(dataset: str, source: dict[str, Any]) -> Iterator[Item]:
    """Submitted prompts: ``user``, ``prompt``, ``time``."""
    yield Item(
        {
            "user_id": source.get("user"),
            "messages": source.get("prompt"),
            "time": source.get("time", 0),
        }
    )


def prompt_completion(dataset: str, source: dict[str, Any]) -> Iterator[Item]:
    """``prompt`` and ``completion``; one document, or a demonstration, or only the prompt."""
    prompt, completion = _text(source, "prompt"), _text(source, "completion")
    # The marker ends a document for GPT's tokenizer; in the text it would be eleven characters.
    completion = completion.removesuffix(END_OF_TEXT).rstrip()
    if dataset == "pretraining":
        yield Item({"text": f"{prompt.rstrip()}\n{completion.lstrip()}".strip()})
    else:
        yield Item({"messages": prompt, "completion": completion.strip()})


def self_instruct(dataset: str, source: dict[str, Any]) -> Iterator[Item]:
    """``instruction`` and ``instances`` of ``input`` and ``output`` (Wang et al. 2022).

    Each instance is an item. The app that motivated a user-oriented task stands for its user.
    """
    instruction, instances = _text(source, "instruction"), source.get("instances")
    if not isinstance(instances, list) or not all(isinstance(i, dict) for i in instances):
        raise LayoutError("instances is a list of objects")
    if not instances:
        raise LayoutError("instances is not empty")
    app = source.get("motivation_app")
    for number, instance in enumerate(instances):
        given = _text(instance, "input").strip()
        row: dict[str, Any] = {
            "messages": f"{instruction.strip()}\n\n{given}" if given else instruction.strip(),
            "completion": _text(instance, "output").strip(),
            "labeler": "self_instruct",
            "source": "labeler",
            "kind": "user_based" if app else "plain",
            "user_id": app or "self_instruct",
        }
        if isinstance(task := source.get("id"), str):
            row["id"] = task if len(instances) == 1 else f"{task}-{number}"
        yield Item(row)


def oasst_trees(dataset: str, source: dict[str, Any]) -> Iterator[Item]:
    """Open Assistant's message trees (Köpf et al. 2023).

    Each prompter's turn is an item: as a ranking of the assistant's ranked replies to it, with the
    turns above as context; as a demonstration, its best reply. Of a tree's prompter turns only the
    first is a prompt that a user wrote by itself (``raw_prompts``). All of a tree is in one split.
    """
    prompt, tree = source.get("prompt"), source.get("message_tree_id")
    if not isinstance(prompt, dict) or not isinstance(tree, str):
        raise LayoutError("row is a tree: message_tree_id and prompt")
    if dataset == "raw_prompts":
        user = prompt.get("user_id") or f"tree-{tree}"
        yield Item({"id": tree, "user_id": user, "messages": _text(prompt, "text")})
        return
    waiting = [(prompt, [{"role": "user", "content": _text(prompt, "text")}])]
    while waiting:
        node, turns = waiting.pop()
        replies = node.get("replies") or []
        yield _from_turn(dataset, tree, node, turns, replies)
        for reply in replies:
            for below in reply.get("replies") or []:
                said = {"role": "assistant", "content": _text(reply, "text")}
                asked = {"role": "user", "content": _text(below, "text")}
                waiting.append((below, [*turns, said, asked]))


def _from_turn(
    dataset: str,
    tree: str,
    node: dict[str, Any],
    turns: list[dict[str, str]],
    replies: list[dict[str, Any]],
) -> Item:
    ranked = [r for r in replies if r.get("role") == "assistant" and _is_rank(r.get("rank"))]
    ranked.sort(key=lambda reply: int(reply["rank"]))
    identity = {"id": node.get("message_id"), "messages": turns}
    fewest = 1 if dataset == "demonstrations" else MIN_REPLIES
    if len(ranked) < fewest:
        return Item(identity, "too_few_outputs", f"at least {fewest} ranked replies")
    if dataset == "demonstrations":
        return Item(identity | {"labeler": "oasst", "completion": _text(ranked[0], "text")})
    outputs = [
        {
            "id": reply.get("message_id"),
            "text": _text(reply, "text"),
            "system": reply.get("model_name") or "human",
        }
        for reply in ranked
    ]
    # Ranks start at 0 there, and leave gaps where a reply was deleted.
    ranks = [1 + sum(int(o["rank"]) < int(r["rank"]) for o in ranked) for r in ranked]
    return Item(
        identity
        | {
            "prompt_id": node.get("message_id"),
            "split": split_of(tree, RANKING_SPLIT),
            "outputs": outputs,
            "ranks": ranks,
            "labeler": "oasst",
        }
    )


def _is_rank(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(source: dict[str, Any], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise LayoutError(f"{name} is a string")
    return value


LAYOUTS: dict[str, tuple[Layout, tuple[str, ...]]] = {
    "plain": (plain, ()),
    "prompts-chat": (prompts_chat, ("raw_prompts",)),
    "prompt-completion": (prompt_completion, ("raw_prompts", "demonstrations", "pretraining")),
    "self-instruct": (self_instruct, ("raw_prompts", "demonstrations")),
    "oasst-trees": (oasst_trees, ("raw_prompts", "demonstrations", "rankings")),
}
"""A layout by name, and the datasets it can become (empty: any)."""
