"""The stage: an SFT policy, a reward model, prompts and documents in, a PPO policy out."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from components.core.errors import BadInput
from components.core.models import load_policy, load_reward_model, positions, save_model
from components.core.page import figures_page
from components.core.parallel import device, stream
from components.core.records import Document, Prompt, Sample
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.tokens import decode_response, encode_prompt, load_tokenizer
from components.ppo.config import PPOConfig
from components.ppo.loop import PPOResult, train_ppo
from components.ppo.pretraining_mix import PretrainingMix
from components.ppo.rollout import Vocabulary

#: Iterations over which the headline figures are averaged.
TAIL = 10


def run(config: PPOConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Inputs policy, reward_model, prompts, pretraining; outputs policy, samples, history."""
    # 1. Models and their one tokenizer.
    policy_folder = inputs.folder(inputs.reference("policy"))
    reward_folder = inputs.folder(inputs.reference("reward_model"))
    tokenizer = load_tokenizer(policy_folder)
    check_same_tokens(tokenizer, load_tokenizer(reward_folder), reward_folder)
    policy = load_policy(policy_folder).to(device())
    reward_model = load_reward_model(reward_folder).to(device())

    # 2. Prompts to train on, fixed validation prompts to sample, documents to mix in.
    room = positions(policy) - config.max_new_tokens
    train, watched, too_long = choose_prompts(
        inputs.rows("prompts", Prompt), tokenizer, room, config
    )
    mix = None
    if config.ptx_coefficient > 0:
        if "pretraining" not in inputs:
            raise BadInput(
                f"pretraining: not given, but ptx_coefficient is {config.ptx_coefficient}; give "
                "documents or set it to 0"
            )
        texts = [row.text for row in inputs.rows("pretraining", Document) if row.split == "train"]
        mix = pretraining_mix(texts, tokenizer, positions(policy), config)

    # 3. Train.
    checkpoints = context.checkpoints()

    def report(done: int, total: int, figures: dict[str, float]) -> None:
        context.tracker.metrics(figures, done)
        context.progress.update(done, total, reward=figures["reward"], kl=figures["kl"])

    result = train_ppo(
        policy,
        reward_model,
        [ids for _, ids in train],
        config,
        Vocabulary(eos_id=tokenizer.eos_token_id, pad_id=tokenizer.pad_token_id),
        mix=mix,
        sample_prompts=[ids for _, ids in watched],
        report=report,
        checkpoints=checkpoints,
    )

    # 4. Publish the averaged weights, what they wrote on the way, and the figures.
    out = context.workdir / "policy"
    save_model(policy, tokenizer, out)
    outputs.folder("policy", "policy", config.system, out)
    outputs.dataset("samples", "samples", sample_rows(result, watched, tokenizer, config.system))
    history = context.workdir / "history"
    history.mkdir()
    iterations = list(range(1, config.iterations + 1))
    (history / "history.json").write_text(
        json.dumps({"system": config.system, "iteration": iterations, **result.history})
    )
    outputs.folder("history", "history", config.system, history)
    headline = {
        "iterations": float(config.iterations),
        "updates": float(result.updates),
        "prompts": float(len(train)),
        "prompts_too_long": float(too_long),
        **{
            name: _tail(result.history[name])
            for name in ("reward", "kl", "ended", "response_tokens", "clip_fraction")
        },
    }
    if mix is not None:
        headline["ptx_loss"] = _tail(result.history["ptx_loss"])
    outputs.headline_metrics(headline)
    outputs.html(figures_page(config.system, headline, f"Means of the last {TAIL} iterations."))
    checkpoints.clear()


def check_same_tokens(
    policy: PreTrainedTokenizerBase, reward: PreTrainedTokenizerBase, folder: Path
) -> None:
    """Policy and reward model read the same ids. Raises BadInput where they do not."""
    if policy.get_vocab() != reward.get_vocab() or policy.chat_template != reward.chat_template:
        raise BadInput(
            f"{folder}: the reward model's tokenizer or chat template differs from the policy's; "
            "train the reward model from a policy with this tokenizer"
        )


def choose_prompts(
    rows: Iterator[Prompt], tokenizer: PreTrainedTokenizerBase, room: int, config: PPOConfig
) -> tuple[list[tuple[Prompt, list[int]]], list[tuple[Prompt, list[int]]], int]:
    """(train, validation prompts to sample, count that is too long), each prompt with its ids.

    Raises BadInput where one of the two splits has no prompt that leaves room for a response.
    """
    splits: dict[str, list[tuple[Prompt, list[int]]]] = {"train": [], "validation": []}
    too_long = 0
    for row in rows:
        if row.split in splits:
            ids = encode_prompt(tokenizer, row.messages)
            if len(ids) > room:
                too_long += 1
            else:
                splits[row.split].append((row, ids))
    for split, kept in splits.items():
        if not kept:
            raise BadInput(
                f"prompts: no {split} prompt of at most {room} tokens ({too_long} are longer); "
                "PPO trains on the train split and samples the validation split"
            )
    found = sorted(splits["validation"], key=lambda pair: pair[0].id)
    order = torch.randperm(len(found), generator=stream(config.seed, "ppo", "watched")).tolist()
    return splits["train"], [found[index] for index in order[: config.sample_prompts]], too_long


def pretraining_mix(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, limit: int, config: PPOConfig
) -> PretrainingMix:
    """Documents as token rows that end with EOS, drawn by update."""

    def encode(index: int) -> list[int]:
        ids = tokenizer(
            texts[index], add_special_tokens=False, split_special_tokens=True, verbose=False
        )
        return [*ids["input_ids"], tokenizer.eos_token_id]

    return PretrainingMix(
        len(texts),
        encode,
        rows=config.ptx_rows,
        max_tokens=min(config.ptx_max_tokens or limit, limit),
        seed=config.seed,
    )


def sample_rows(
    result: PPOResult,
    watched: Sequence[tuple[Prompt, list[int]]],
    tokenizer: PreTrainedTokenizerBase,
    system: str,
) -> Iterator[Sample]:
    """The sample sets as records."""
    for samples in result.samples:
        drawn = zip(watched, samples.responses, samples.rewards, samples.kls, strict=True)
        for place, ((prompt, _), response, reward, kl) in enumerate(drawn):
            yield Sample(
                id=f"{system}-{samples.iteration}-{place}",
                system=system,
                iteration=samples.iteration,
                prompt_id=prompt.id,
                messages=prompt.messages,
                completion=decode_response(tokenizer, response),
                reward=reward,
                kl=kl,
            )


def _tail(values: Sequence[float]) -> float:
    recent = values[-TAIL:]
    return sum(recent) / len(recent)


STAGE = Stage("ppo", PPOConfig, run)
