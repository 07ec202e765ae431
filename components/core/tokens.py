"""From conversations to token rows: chat formatting, masks, padding, length-bucketed batches.

A prompt is a conversation that ends with a user's turn, rendered by the tokenizer's chat template
up to where the assistant starts to speak. A response is the assistant's text and one EOS. Masks are
made from lengths, never from token ids: where pad and EOS share an id, EOS is still trained.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from components.core.errors import BadInput
from components.core.records import Message

#: For tokenizers that bring none. A response is ``" " + text``, so that its first word is the same
#: token as in running text. Earlier turns end with EOS, too, as transcripts in pretraining do.
DEFAULT_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
    "{% elif message['role'] == 'user' %}{{ 'Human: ' + message['content'] + '\\n' }}"
    "{% else %}{{ 'Assistant: ' + message['content'] + eos_token + '\\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


@dataclass(frozen=True)
class Batch:
    """Right-padded rows of prompt and response. B rows, T the longest row of the batch."""

    #: (B, T) int64; pad id behind the row's end.
    input_ids: Tensor
    #: (B, T) int64; 1 on real tokens.
    attention_mask: Tensor
    #: (B, T) bool; True on response tokens, EOS among them.
    response_mask: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(
            self.input_ids.to(device), self.attention_mask.to(device), self.response_mask.to(device)
        )

    def last(self) -> Tensor:
        """(B,) int64: index of each row's last real token."""
        return self.attention_mask.sum(dim=1) - 1


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, with a pad token and a chat template.

    A tokenizer without a pad token pads with its EOS: ids behind a row's end are masked by length,
    so nothing is lost. Raises BadInput where the folder holds no tokenizer or it has no EOS.
    """
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        raise BadInput(f"{folder}: no tokenizer.json; a model folder holds its tokenizer")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise BadInput(
            f"{folder}: the tokenizer cannot be loaded ({type(error).__name__})"
        ) from error
    if tokenizer.eos_token_id is None:
        raise BadInput(f"{folder}: the tokenizer has no eos_token; responses could not end")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.chat_template is None:
        tokenizer.chat_template = DEFAULT_CHAT_TEMPLATE
    return tokenizer


def encode_prompt(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    """Token ids of a conversation up to where the assistant's answer starts."""
    (text,) = _rendered(tokenizer, [messages])
    # Not verbose: how long a row may be is for the stages to say.
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def prompt_lengths(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Message]]
) -> list[int]:
    """How many ids ``encode_prompt`` gives for each conversation; twice as fast, in one batch."""
    if not conversations:
        return []
    texts = _rendered(tokenizer, conversations)
    if not tokenizer.is_fast:
        return [len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
                for text in texts]  # fmt: skip
    backend = tokenizer.backend_tokenizer
    # A tokenizer.json may say both, and neither is a length's business.
    backend.no_truncation()
    backend.no_padding()
    return [len(row) for row in backend.encode_batch_fast(texts, add_special_tokens=False)]


def _rendered(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Message]]
) -> list[str]:
    """Conversations in the tokenizer's chat format, up to where the assistant's answer starts."""
    turns = [
        [{"role": m.role, "content": _harmless(tokenizer, m.content)} for m in messages]
        for messages in conversations
    ]
    return list(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))


def encode_response(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of an assistant's answer; the last one is EOS, and no other one is."""
    body = _harmless(tokenizer, text.strip())
    if tokenizer.chat_template == DEFAULT_CHAT_TEMPLATE and body:
        body = " " + body
    ids = tokenizer(body, add_special_tokens=False, verbose=False)["input_ids"]
    return [*ids, tokenizer.eos_token_id]


def decode_response(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of a response up to its first EOS, stripped, without special tokens."""
    eos = tokenizer.eos_token_id
    until = list(ids).index(eos) if eos in ids else len(ids)
    return str(tokenizer.decode(ids[:until], skip_special_tokens=True)).strip()


def _harmless(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Text in which no special token is spelled out: a user's "<|endoftext|>" is not an EOS."""
    for token in tokenizer.all_special_tokens:
        if token in text:
            text = text.replace(token, token[:1] + " " + token[1:])
    return text


def collate(pairs: Iterable[tuple[Sequence[int], Sequence[int]]], pad_id: int) -> Batch:
    """Right-pad rows of (prompt ids, response ids) to the longest of them."""
    rows = [(list(prompt), list(response)) for prompt, response in pairs]
    width = max(len(prompt) + len(response) for prompt, response in rows)
    ids = [
        prompt + response + [pad_id] * (width - len(prompt) - len(response))
        for prompt, response in rows
    ]
    ends = torch.tensor([len(prompt) + len(response) for prompt, response in rows])
    starts = torch.tensor([len(prompt) for prompt, _ in rows])
    columns = torch.arange(width)[None, :]
    real = columns < ends[:, None]
    return Batch(
        input_ids=torch.tensor(ids, dtype=torch.int64),
        attention_mask=real.to(torch.int64),
        response_mask=real & (columns >= starts[:, None]),
    )


def bucketed_batches(
    lengths: Sequence[int], batch_size: int, generator: torch.Generator
) -> list[list[int]]:
    """Every index once, in batches of rows of like length, the batches in random order.

    Rows are shuffled, cut into pools of 32 batches, sorted by length within a pool: little padding,
    and a batch's company still differs from epoch to epoch. The last batch may be smaller.
    """
    order: list[int] = torch.randperm(len(lengths), generator=generator).tolist()
    pool = 32 * batch_size
    batches = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool], key=lambda index: lengths[index])
        batches += [near[at : at + batch_size] for at in range(0, len(near), batch_size)]
    shuffler = random.Random(int(torch.randint(2**62, (1,), generator=generator)))
    shuffler.shuffle(batches)
    return batches
