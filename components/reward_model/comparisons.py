"""Rankings as token rows: what a reward model is trained and judged on."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from components.core.errors import BadInput
from components.core.records import Demonstration, Ranking
from components.core.tokens import encode_prompt, encode_response


@dataclass(frozen=True)
class Comparison:
    """One labeler's ranking of K outputs of one prompt: one element of a batch."""

    prompt_id: str
    prompt: list[int]
    #: K rows of token ids, each ends with EOS.
    responses: list[list[int]]
    #: K ranks; 1 is best, equal ranks are ties.
    ranks: list[int]

    @property
    def packed_tokens(self) -> int:
        """Length of the prompt and all outputs behind one another."""
        return len(self.prompt) + sum(len(response) for response in self.responses)


def encode_rankings(
    tokenizer: PreTrainedTokenizerBase, rankings: Iterable[Ranking], max_tokens: int
) -> tuple[list[Comparison], Counter[str]]:
    """Rankings as comparisons, and how many were left out and why.

    An output that does not fit is left out of its ranking (``outputs_too_long``); a ranking without
    a decided pair teaches nothing (``rankings_without_pair``). Raises BadInput on a ranking whose
    ranks and outputs differ in number.
    """
    comparisons: list[Comparison] = []
    dropped: Counter[str] = Counter()
    prompts: dict[str, list[int]] = {}
    for ranking in rankings:
        if len(ranking.ranks) != len(ranking.outputs):
            raise BadInput(
                f"rankings: id {ranking.id}: {len(ranking.ranks)} ranks for "
                f"{len(ranking.outputs)} outputs; expected one each"
            )
        if ranking.prompt_id not in prompts:
            prompts[ranking.prompt_id] = encode_prompt(tokenizer, ranking.messages)
        prompt = prompts[ranking.prompt_id]
        responses, ranks = [], []
        for output, rank in zip(ranking.outputs, ranking.ranks, strict=True):
            response = encode_response(tokenizer, output.text)
            if len(prompt) + len(response) > max_tokens:
                dropped["outputs_too_long"] += 1
                continue
            responses.append(response)
            ranks.append(rank)
        if len(set(ranks)) < 2:
            dropped["rankings_without_pair"] += 1
            continue
        comparisons.append(Comparison(ranking.prompt_id, prompt, responses, ranks))
    return comparisons, dropped


def encode_demonstrations(
    tokenizer: PreTrainedTokenizerBase,
    demonstrations: Iterable[Demonstration],
    max_tokens: int,
) -> list[tuple[list[int], list[int]]]:
    """(prompt ids, response ids) of the demonstrations that fit."""
    rows = [
        (encode_prompt(tokenizer, d.messages), encode_response(tokenizer, d.completion))
        for d in demonstrations
    ]
    return [row for row in rows if len(row[0]) + len(row[1]) <= max_tokens]


@dataclass(frozen=True)
class RankingSplit:
    """Which rankings train, and which judge."""

    train: list[Ranking]
    #: Training labelers, prompts that are not in ``train``.
    heldout_prompts: list[Ranking]
    #: Held-out labelers, prompts that are not in ``train``.
    heldout_labelers: list[Ranking]


def split_rankings(
    rankings: Iterable[Ranking], heldout_fraction: float, generator: torch.Generator
) -> RankingSplit:
    """Train on the training labelers' rankings of the train split; judge on other prompts.

    Where no prompt lies outside the train split, a share of the prompts is held out. No prompt
    stands on both sides.
    """
    rows = list(rankings)
    outside = {r.prompt_id for r in rows if r.split != "train"}
    if not outside:
        ids = sorted({r.prompt_id for r in rows})
        order = torch.randperm(len(ids), generator=generator).tolist()
        outside = {ids[at] for at in order[: max(1, round(heldout_fraction * len(ids)))]}
    train = [r for r in rows if r.prompt_id not in outside and r.labeler_group == "training"]
    trained = {r.prompt_id for r in train}
    unseen = [r for r in rows if r.prompt_id not in trained]
    return RankingSplit(
        train=train,
        heldout_prompts=[r for r in unseen if r.labeler_group == "training"],
        heldout_labelers=[r for r in unseen if r.labeler_group == "heldout"],
    )
