"""The systems whose outputs are compared, and the outputs they write."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.core.completions import complete, prompt_room
from components.core.errors import UserError
from components.core.models import load_policy
from components.core.parallel import device, stream
from components.core.records import Demonstration, Message, Prompt
from components.core.systems import JOINT
from components.core.tokens import encode_prompt, load_tokenizer
from components.human_eval.config import ExportConfig
from components.human_eval.few_shot import examples_for, fitting

#: Outputs of one system: prompt id -> its texts; a prompt that was too long is absent.
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class System:
    """A policy, with or without a few-shot prefix."""

    name: str
    #: Reference of the policy.
    model: str
    #: Demonstrations before each prompt; 0 for the plain policy.
    examples: int


def systems_of(policies: Iterable[tuple[str, str]], config: ExportConfig) -> list[System]:
    """The systems to compare, from (name, reference) of the policies and the config.

    Raises UserError where two have one name, or the prompted one names an unknown policy.
    """
    systems = [System(name, reference, 0) for name, reference in policies]
    if config.few_shot is not None:
        base = [system for system in systems if system.name == config.few_shot.model]
        if not base:
            raise UserError(
                f"few_shot.model: got '{config.few_shot.model}'; expected one of the policies "
                f"given: {', '.join(sorted(system.name for system in systems))}"
            )
        systems.append(System(config.few_shot.system, base[0].model, config.few_shot.examples))
    names = [system.name for system in systems]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two of the systems to compare are named '{name}'; expected one each")
        if JOINT in name:
            raise UserError(f"system '{name}': a name may not hold '{JOINT}'")
    return systems


def write_outputs(
    folder: Path,
    systems: Sequence[System],
    prompts: Sequence[Prompt],
    counts: Mapping[str, int],
    demonstrations: Sequence[Demonstration],
    config: ExportConfig,
    on_done: Callable[[int], None],
) -> dict[str, Texts]:
    """Sample from one policy folder, for each system that uses it.

    Args:
        counts: prompt id -> outputs wanted of each system.
        on_done: told how many outputs the current system has written.

    Returns:
        system name -> its texts.
    """
    tokenizer = load_tokenizer(folder)
    model = load_policy(folder).to(device())
    room = prompt_room(model, config.max_new_tokens)

    def encode(messages: Sequence[Message]) -> list[int]:
        return encode_prompt(tokenizer, messages)

    written: dict[str, Texts] = {}
    for system in systems:
        rows: list[tuple[str, list[int]]] = []
        for prompt in prompts:
            examples = examples_for(prompt, demonstrations, system.examples, config.seed)
            ids = fitting(prompt.messages, examples, encode, room)
            if len(ids) <= room:
                rows += [(prompt.id, ids)] * counts[prompt.id]
        texts = complete(
            model,
            tokenizer,
            [ids for _, ids in rows],
            max_new_tokens=config.max_new_tokens,
            temperature=config.temperature,
            batch_size=config.batch_size,
            generator=stream(config.seed, "human_eval", system.name),
            on_batch=on_done,
        )
        grouped: dict[str, list[str]] = {}
        for (prompt_id, _), text in zip(rows, texts, strict=True):
            grouped.setdefault(prompt_id, []).append(text)
        written[system.name] = grouped
    return written
