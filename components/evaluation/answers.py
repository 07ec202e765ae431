"""What each system answered to the same prompts: unblinded tasks, or outputs drawn here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch

from components.core.completions import complete, prompt_room
from components.core.models import load_policy, load_reward_model, positions, score
from components.core.parallel import device, stream
from components.core.records import KeyEntry, Message, Prompt, Task
from components.core.statistics import Interval
from components.core.systems import split
from components.core.tokens import collate, encode_prompt, encode_response, load_tokenizer
from components.evaluation.config import EvaluationConfig
from components.evaluation.win_rate import Bootstrap


@dataclass(frozen=True, slots=True)
class Answer:
    """One output and the systems that wrote it."""

    id: str
    text: str
    systems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """All systems' outputs to one prompt."""

    prompt_id: str
    messages: tuple[Message, ...]
    answers: tuple[Answer, ...]


def from_tasks(tasks: Iterable[Task], key: Iterable[KeyEntry]) -> list[Answers]:
    """Tasks with their outputs' systems; outputs that the key does not know are left out."""
    systems = {(entry.task_id, entry.output_id): entry.system for entry in key}
    return [
        Answers(
            task.prompt_id,
            task.messages,
            tuple(
                Answer(output.id, output.text, tuple(split(systems[task.id, output.id])))
                for output in task.outputs
                if (task.id, output.id) in systems
            ),
        )
        for task in tasks
    ]


def draw(
    prompts: Iterable[Prompt],
    policies: Mapping[str, Path],
    config: EvaluationConfig,
) -> list[Answers]:
    """One output of each policy (system -> folder) to prompts of ``config.split``.

    Prompts that do not fit into a policy's context are left out.
    """
    chosen = sorted((p for p in prompts if p.split == config.split), key=lambda p: p.id)
    if len(chosen) > config.sampled_prompts:
        chosen = Random(f"{config.seed}/answers").sample(chosen, config.sampled_prompts)
    answers: dict[str, dict[str, str]] = {prompt.id: {} for prompt in chosen}
    for system, folder in policies.items():
        tokenizer = load_tokenizer(folder)
        model = load_policy(folder).to(device())
        # A small model's context may be shorter than the longest answer that is asked for.
        longest = min(config.max_new_tokens, positions(model) // 2)
        room = prompt_room(model, longest)
        encoded = [(p.id, encode_prompt(tokenizer, p.messages)) for p in chosen]
        rows = [(name, ids) for name, ids in encoded if len(ids) <= room]
        texts = complete(
            model,
            tokenizer,
            [ids for _, ids in rows],
            max_new_tokens=longest,
            temperature=config.temperature,
            batch_size=max(1, config.batch_tokens // positions(model)),
            generator=stream(config.seed, "evaluation", system),
        )
        for (name, _), text in zip(rows, texts, strict=True):
            answers[name][system] = text
    return [
        Answers(
            prompt.id,
            prompt.messages,
            tuple(
                Answer(f"{prompt.id}/{system}", text, (system,))
                for system, text in answers[prompt.id].items()
            ),
        )
        for prompt in chosen
        if len(answers[prompt.id]) == len(policies)
    ]


@torch.no_grad()
def reward_scores(folder: Path, answered: Sequence[Answers], batch_tokens: int) -> dict[str, float]:
    """Output id -> the reward model's score; outputs that do not fit its context are left out."""
    tokenizer = load_tokenizer(folder)
    model = load_reward_model(folder).to(device())
    limit = positions(model)
    rows = []
    for answers in answered:
        prompt = encode_prompt(tokenizer, answers.messages)
        for answer in answers.answers:
            response = encode_response(tokenizer, answer.text)
            if len(prompt) + len(response) <= limit:
                rows.append((answer.id, prompt, response))
    rows.sort(key=lambda row: len(row[1]) + len(row[2]))
    scores: dict[str, float] = {}
    size = max(1, batch_tokens // limit)
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        batch = collate([(p, r) for _, p, r in part], tokenizer.pad_token_id).to(model.device)
        values = score(model, batch).tolist()
        scores |= {row[0]: value for row, value in zip(part, values, strict=True)}
    return scores


def mean_by_system(
    answered: Iterable[Answers], scores: Mapping[str, float], bootstrap: Bootstrap
) -> dict[str, Interval]:
    """system -> mean score of its outputs that have one; clusters are prompts."""
    totals: dict[str, dict[str, tuple[float, float]]] = {}
    for prompt, system, values in _scored(answered, scores):
        totals.setdefault(system, {})[prompt] = (sum(values), float(len(values)))
    return {system: bootstrap.over(mine) for system, mine in totals.items()}


def gain_by_system(
    answered: Iterable[Answers], scores: Mapping[str, float], baseline: str, bootstrap: Bootstrap
) -> dict[str, Interval]:
    """system -> how much higher it scores than the baseline, a mean over prompts both answered.

    Paired by prompt, so that easy and hard prompts cancel out.
    """
    means: dict[str, dict[str, float]] = {}
    for prompt, system, values in _scored(answered, scores):
        means.setdefault(system, {})[prompt] = sum(values) / len(values)
    against = means.pop(baseline, {})
    gains = {
        system: {p: (value - against[p], 1.0) for p, value in mine.items() if p in against}
        for system, mine in means.items()
    }
    return {system: bootstrap.over(mine) for system, mine in gains.items() if mine}


def _scored(
    answered: Iterable[Answers], scores: Mapping[str, float]
) -> Iterator[tuple[str, str, list[float]]]:
    """(prompt, system, scores of its outputs to that prompt), where there are any."""
    for answers in answered:
        found: dict[str, list[float]] = {}
        for answer in answers.answers:
            if answer.id in scores:
                for system in answer.systems:
                    found.setdefault(system, []).append(scores[answer.id])
        yield from ((answers.prompt_id, system, values) for system, values in found.items())
