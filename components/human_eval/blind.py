"""Blind tasks and the key that unblinds them.

Ids are hashes of a salt and the text itself: they tell nothing of where a text came from, and they
order the outputs of a task, which is a shuffle. The salt is made of the config and the policies, so
the same export is the same tasks, and another export of the same prompts has other ids.

Identical texts within a task are one output: a labeler who sees a text twice can only contradict
himself. Its key entry names every system that wrote it, joined by "+".
"""

from collections.abc import Mapping, Sequence

from components.core.config import sha256_hex
from components.core.records import BlindOutput, KeyEntry, Prompt, Task
from components.core.systems import join

#: Hex digits of an opaque id: 48 bits, and short enough for people who read it in the Ranker.
DIGITS = 12


def blind_task(
    prompt: Prompt, written: Mapping[str, Sequence[str]], models: Mapping[str, str], salt: str
) -> tuple[Task, list[KeyEntry]]:
    """One task and its key.

    Args:
        written: system -> its outputs to this prompt.
        models: system -> reference of its policy.
        salt: see above.
    """
    task_id = "t" + sha256_hex(f"{salt}\n{prompt.id}")[:DIGITS]
    sources: dict[str, list[str]] = {}
    for system in sorted(written):
        for text in written[system]:
            systems = sources.setdefault(text, [])
            if system not in systems:
                systems.append(system)
    ids = {text: "o" + sha256_hex(f"{salt}\n{task_id}\n{text}")[:DIGITS] for text in sources}
    texts = sorted(sources, key=lambda text: ids[text])
    task = Task(
        id=task_id,
        prompt_id=prompt.id,
        messages=prompt.messages,
        outputs=tuple(BlindOutput(ids[text], text) for text in texts),
    )
    key = [
        KeyEntry(
            task_id=task_id,
            output_id=ids[text],
            system=join(sources[text]),
            model=" ".join(dict.fromkeys(models[system] for system in sources[text])),
        )
        for text in texts
    ]
    return task, key
