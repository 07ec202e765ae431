"""Models and tokenizers small enough to be made on the spot in a test."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from components.core.models import new_gpt2, reward_from_policy
from components.core.tokens import DEFAULT_CHAT_TEMPLATE

EOS, PAD = 0, 1
VOCABULARY = 48


def small_policy(seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A GPT-2 of two layers and 16 dimensions; wide weights, so that its logits differ."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "positions": 64,
        "hidden": 16,
        "layers": 2,
        "heads": 2,
        "eos_id": EOS,
        "pad_id": PAD,
        "initializer_range": 0.3,
    }
    generator = torch.Generator().manual_seed(seed)
    return new_gpt2(**(settings | changes), generator=generator).eval()


def small_reward_model(folder: Path, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A reward model on a small policy's trunk."""
    small_policy(seed, **changes).save_pretrained(folder)
    return reward_from_policy(folder, torch.Generator().manual_seed(seed))


def random_rows(count: int, low: int, high: int, seed: int = 0) -> list[list[int]]:
    """Rows of random tokens, EOS and pad not among them; lengths in [low, high]."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(low, high + 1, (count,), generator=generator).tolist()
    return [
        torch.randint(2, VOCABULARY, (length,), generator=generator).tolist() for length in lengths
    ]


def small_tokenizer(*, pad: str | None = "<|pad|>") -> PreTrainedTokenizerBase:
    """A byte-level BPE; ``pad`` None leaves it without a pad token and a chat template."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", *([pad] if pad else [])],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["Human: Name a fruit.\nAssistant: fig", "a pear and a fig"], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|endoftext|>", pad_token=pad
    )
    if pad:
        tokenizer.chat_template = DEFAULT_CHAT_TEMPLATE
    return tokenizer


class MemoryCheckpoints:
    """Checkpoints in memory, through the same JSON that real ones go through."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.saved: list[Any] = []

    def save(self, step: int, tensors: dict[str, torch.Tensor], meta: dict[str, Any]) -> None:
        import json
        from types import SimpleNamespace

        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        self.saved.append(
            SimpleNamespace(step=step, tensors=copies, meta=json.loads(json.dumps(meta)))
        )
        if self.stop_after is not None and len(self.saved) >= self.stop_after:
            self.stop_after = None
            raise KeyboardInterrupt

    def newest(self) -> Any:
        return self.saved[-1] if self.saved else None
