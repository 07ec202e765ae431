"""A byte-level BPE tokenizer, trained on documents, with the project's chat template."""

import json
import re
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from components.core.errors import BadInput
from components.core.tokens import DEFAULT_CHAT_TEMPLATE

EOS, PAD = "<|endoftext|>", "<|pad|>"
#: Characters that merges are learned from: more of the same text changes few of them. Own value.
SAMPLE = 20_000_000
#: Documents that are encoded at once.
_CHUNK = 512
#: Where an assistant's turn ends inside a document that has the chat template's form.
_TURN_END = re.compile(r"(?<=\n)Assistant: [^\n]*(?=\n)")


def train_tokenizer(
    texts: Sequence[str], vocabulary: int, positions: int
) -> PreTrainedTokenizerBase:
    """Train BPE merges on texts; bytes are the alphabet, so any text can be encoded.

    Of more than ``SAMPLE`` characters, every n-th text is read. Raises BadInput where the texts
    are too few for any merge.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[EOS, PAD],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    every = 1 + sum(map(len, texts)) // SAMPLE
    tokenizer.train_from_iterator(texts[::every], trainer)
    if not json.loads(tokenizer.to_str())["model"]["merges"]:
        raise BadInput("documents: no two characters come together twice; expected running text")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        bos_token=EOS,
        pad_token=PAD,
        chat_template=DEFAULT_CHAT_TEMPLATE,
        model_max_length=positions,
        clean_up_tokenization_spaces=False,
    )


def encode_documents(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of documents, EOS behind each, and behind every assistant's turn of a transcript.

    The chat template has EOS there, too: so a base model knows a conversation when it reads one. A
    document's own "<|endoftext|>" is text, not an end.
    """
    parts = [_cut(text) for text in texts]
    flat = [part for document in parts for part in document]
    if not flat:
        return []
    # Not verbose: documents may be longer than the model's positions, rows are not.
    encoded = iter(
        tokenizer(flat, add_special_tokens=False, split_special_tokens=True, verbose=False)[
            "input_ids"
        ]
    )
    eos = tokenizer.eos_token_id
    return [[id_ for _ in document for id_ in (*next(encoded), eos)] for document in parts]


def encode_enough(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    tokens: int,
    generator: torch.Generator,
) -> list[list[int]]:
    """Documents drawn at random until they hold ``tokens`` tokens, in their order; else all.

    What training never reads need not be encoded: of a large corpus that is most of it.
    """
    order: list[int] = torch.randperm(len(texts), generator=generator).tolist()
    found: dict[int, list[int]] = {}
    held = 0
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        encoded = encode_documents(tokenizer, [texts[index] for index in chunk])
        found |= zip(chunk, encoded, strict=True)
        held += sum(map(len, encoded))
        if held >= tokens:
            break
    return [found[index] for index in sorted(found)]


def _cut(text: str) -> list[str]:
    """The text in pieces that end where an assistant's turn does; together they are the text."""
    ends = [match.end() for match in _TURN_END.finditer(text)]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
