"""The few-shot prompted baseline: demonstrations put before the conversation as earlier turns."""

from collections.abc import Callable, Sequence
from random import Random

from components.core.records import Demonstration, Message, Prompt


def examples_for(
    prompt: Prompt, demonstrations: Sequence[Demonstration], count: int, seed: int
) -> list[Demonstration]:
    """The demonstrations that stand before one prompt.

    They are drawn for each prompt anew: with one fixed prefix the baseline would stand or fall with
    the few demonstrations that chance put into it. A demonstration of the prompt itself is never
    shown to it; it is known by its messages, as ids of prompts and demonstrations have nothing in
    common. Where several of those were drawn, there are fewer examples.
    """
    random = Random(f"{seed}/few_shot/{prompt.id}")
    drawn = random.sample(range(len(demonstrations)), min(count + 1, len(demonstrations)))
    examples = [demonstrations[index] for index in drawn]
    return [example for example in examples if example.messages != prompt.messages][:count]


def few_shot_turns(
    messages: Sequence[Message], examples: Sequence[Demonstration]
) -> tuple[Message, ...]:
    """The conversation with the examples before it, as turns of user and assistant.

    System messages stay in front; those of the examples are left out.
    """
    system = [message for message in messages if message.role == "system"]
    turns = [message for message in messages if message.role != "system"]
    shown: list[Message] = []
    for example in examples:
        shown += [message for message in example.messages if message.role != "system"]
        shown.append(Message("assistant", example.completion))
    return (*system, *shown, *turns)


def fitting(
    messages: Sequence[Message],
    examples: Sequence[Demonstration],
    encode: Callable[[Sequence[Message]], list[int]],
    room: int,
) -> list[int]:
    """Token ids of the prompt with as many of the examples as fit into ``room`` tokens."""
    for kept in range(len(examples), 0, -1):
        ids = encode(few_shot_turns(messages, examples[:kept]))
        if len(ids) <= room:
            return ids
    return encode(messages)
