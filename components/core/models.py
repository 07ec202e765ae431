"""Policies, reward models and value models on Hugging Face trunks.

Legend: B rows, T tokens, H hidden size, V vocabulary.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from components.core.errors import BadInput
from components.core.tokens import Batch


def new_gpt2(
    *,
    vocab_size: int,
    positions: int,
    hidden: int,
    layers: int,
    heads: int,
    eos_id: int,
    pad_id: int,
    initializer_range: float,
    generator: torch.Generator,
) -> PreTrainedModel:
    """A GPT-2 with random weights and no dropout; equal generator states give equal weights."""
    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=positions,
        n_embd=hidden,
        n_layer=layers,
        n_head=heads,
        bos_token_id=eos_id,
        eos_token_id=eos_id,
        pad_token_id=pad_id,
        initializer_range=initializer_range,
        # The exact function that GPT-2's gelu_new approximates: on CPUs six times as fast, and a
        # sixth of a small model's time.
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
        model: PreTrainedModel = GPT2LMHeadModel(config)
    return model


def load_policy(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A causal language model from a folder, in evaluation mode, in float32 unless told otherwise.

    Raises BadInput where the folder holds none or not all of its weights, or its logits are not a
    linear map of its last hidden states (such models cannot be projected at response positions
    only).
    """
    model, missing = _load(AutoModelForCausalLM, folder, dtype)
    _check_whole(folder, missing)
    probe = torch.arange(4)[None, :] % model.config.vocab_size
    with torch.no_grad():
        whole = model(input_ids=probe).logits
        parts = project(model, hidden_states(model, probe))
    if not torch.allclose(whole.float(), parts.float(), atol=1e-2, rtol=1e-2):
        raise BadInput(f"{folder}: logits are scaled or capped after the output layer; unsupported")
    return model


def positions(model: PreTrainedModel) -> int:
    """How many tokens a row may have: the trunk's position limit.

    Raises BadInput for architectures without one (ALiBi, recurrent).
    """
    limit = getattr(model.config, "max_position_embeddings", None)
    if not isinstance(limit, int):
        raise BadInput(
            f"{type(model).__name__}: its config names no max_position_embeddings; expected an "
            "architecture with a limit of positions"
        )
    return limit


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a folder that ``from_pretrained`` loads anywhere: safetensors, config, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    with _quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def reward_from_policy(folder: Path, generator: torch.Generator) -> PreTrainedModel:
    """A reward model on a policy's trunk: the unembedding is replaced by a projection to a scalar.

    The head starts at std 1/sqrt(H + 1) with bias 0 (Stiennon et al. 2020), the score of a row is
    read at its last token, and ``config.reward_bias`` is added to it.
    """
    model, missing = _load(AutoModelForSequenceClassification, folder, torch.float32, num_labels=1)
    _check_whole(folder, {name for name in missing if not name.startswith("score.")})
    head = _head(model)
    deviation = 1.0 / (head.in_features + 1) ** 0.5
    with torch.no_grad():
        head.weight.copy_(
            torch.randn(head.weight.shape, generator=generator, dtype=torch.float32) * deviation
        )
        if head.bias is not None:
            head.bias.zero_()
    if model.config.pad_token_id == model.config.eos_token_id:
        # The class finds a row's end by the pad id and would read the score before EOS.
        model.config.pad_token_id = None
    set_reward_bias(model, 0.0)
    return model


def load_reward_model(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A reward model from a folder, in evaluation mode.

    Raises BadInput where its ``config.json`` names no ``reward_bias``: it is not a reward model.
    """
    model, missing = _load(AutoModelForSequenceClassification, folder, dtype)
    if not isinstance(getattr(model.config, "reward_bias", None), float | int):
        raise BadInput(f"{folder}/config.json: reward_bias is missing; expected a reward model")
    if model.config.num_labels != 1:
        raise BadInput(f"{folder}/config.json: num_labels is {model.config.num_labels}, expected 1")
    _check_whole(folder, missing)
    return model


def set_reward_bias(model: PreTrainedModel, bias: float) -> None:
    """Set what is added to every score."""
    model.config.reward_bias = float(bias)


def reward_bias(model: PreTrainedModel) -> float:
    """What is added to every score."""
    return float(model.config.reward_bias)


def hidden_states(
    model: PreTrainedModel,
    input_ids: Tensor,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
) -> Tensor:
    """(B, T, H) last hidden states of the trunk.

    Without a mask rows are taken as right-padded: real tokens never look at what follows them, so
    the plain causal kernel, which is faster, gives the same states.
    """
    if attention_mask is None:
        attention_mask = torch.ones_like(input_ids)
    output = model.base_model(
        input_ids=input_ids,
        attention_mask=attention_mask,
        position_ids=position_ids,
        use_cache=False,
    )
    states: Tensor = output.last_hidden_state
    return states


def project(model: PreTrainedModel, states: Tensor) -> Tensor:
    """(..., V) logits of hidden states (..., H)."""
    logits: Tensor = model.get_output_embeddings()(states)
    return logits


def response_logits(model: PreTrainedModel, batch: Batch) -> Tensor:
    """(N, V) logits that predict the N response tokens of a batch, row by row.

    Only these positions go through the output layer; ``batch.input_ids[batch.response_mask]`` are
    the tokens they predict.
    """
    states = hidden_states(model, batch.input_ids)
    return project(model, states[:, :-1][batch.response_mask[:, 1:]])


def score(model: PreTrainedModel, batch: Batch) -> Tensor:
    """(B,) reward of each row, read at its last real token, bias added."""
    states = hidden_states(model, batch.input_ids)
    rows = torch.arange(len(states), device=states.device)
    return score_states(model, states[rows, batch.last()])


def score_states(model: PreTrainedModel, states: Tensor) -> Tensor:
    """(...) reward at hidden states (..., H), float32, bias added."""
    values: Tensor = _head(model)(states).squeeze(-1).float()
    return values + reward_bias(model)


class ValueModel(nn.Module):
    """V(s) at every token: a reward model's trunk and head, and its bias as a weight of its own."""

    def __init__(self, reward_model: PreTrainedModel) -> None:
        super().__init__()
        self.model = reward_model
        self.bias = nn.Parameter(torch.tensor(reward_bias(reward_model)))

    def forward(self, batch: Batch) -> Tensor:
        """(B, T) float32: column t holds V of the row's first t + 1 tokens; junk on padding."""
        states = hidden_states(self.model, batch.input_ids)
        return self._head(states)

    def response_values(self, batch: Batch) -> Tensor:
        """(N,) values of the states in which the N response tokens were chosen, row by row."""
        states = hidden_states(self.model, batch.input_ids)
        return self._head(states[:, :-1][batch.response_mask[:, 1:]])

    def _head(self, states: Tensor) -> Tensor:
        values: Tensor = _head(self.model)(states).squeeze(-1).float()
        return values + self.bias


def _head(model: PreTrainedModel) -> nn.Linear:
    head = getattr(model, "score", None)
    if not isinstance(head, nn.Linear):
        raise BadInput(
            f"{type(model).__name__}: no linear layer named score; this architecture cannot be a "
            "reward model"
        )
    return head


def _load(
    loader: type, folder: Path, dtype: torch.dtype, **options: int
) -> tuple[PreTrainedModel, set[str]]:
    """A model, and the names of its weights that the files lack: those are drawn at random."""
    if not (folder / "config.json").is_file():
        raise BadInput(f"{folder}: no config.json; expected a Hugging Face model folder")
    load: Callable[..., tuple[PreTrainedModel, dict[str, Any]]]
    load = loader.from_pretrained  # type: ignore[attr-defined]
    try:
        with _quiet():
            model, report = load(folder, dtype=dtype, output_loading_info=True, **options)
    except (ValueError, OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadInput(f"{folder}: the model cannot be loaded: {error}") from error
    model.eval()
    return model, set(report["missing_keys"])


def _check_whole(folder: Path, missing: set[str]) -> None:
    if missing:
        raise BadInput(
            f"{folder}: {len(missing)} weights of the model in config.json are in no file, the "
            f"first is {min(missing)}"
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, and no report of the new head, which is what was asked for."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
