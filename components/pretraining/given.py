"""A base model that is given instead of trained: a published policy, a hub name or a folder."""

from pathlib import Path

from components.core.errors import BadInput
from components.core.models import load_policy, save_model
from components.core.stage import Context, Inputs, Outputs
from components.core.tokens import load_tokenizer
from components.pretraining.config import PretrainingConfig


def take_given(
    config: PretrainingConfig, inputs: Inputs, outputs: Outputs, context: Context
) -> None:
    """Publish the given model as the policy, in the form that later stages load.

    Raises BadInput where it is no causal language model with a tokenizer, or cannot be fetched.
    """
    given = "base" in inputs
    folder = inputs.folder(inputs.reference("base")) if given else fetch(config.model)
    tokenizer = load_tokenizer(folder)
    model = load_policy(folder)
    out = context.workdir / "policy"
    save_model(model, tokenizer, out)
    outputs.folder("policy", "policy", config.system, out)
    outputs.headline_metrics(
        {
            "parameters": float(sum(weight.numel() for weight in model.parameters())),
            "vocabulary": float(len(tokenizer)),
        }
    )


def fetch(model: str) -> Path:
    """The folder of a model: itself, or the hub's snapshot (safetensors only, never pickle)."""
    if Path(model).is_dir():
        return Path(model)
    if model.startswith((".", "/")):
        raise BadInput(f"pretraining.model: no folder {model}")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(model, allow_patterns=["*.safetensors", "*.json", "*.txt", "*.model"])
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise BadInput(
            f"pretraining.model: {model!r} is no folder and cannot be fetched from the hub "
            f"({type(error).__name__})"
        ) from None
