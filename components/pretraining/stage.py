"""The stage: documents in, a tokenizer and a base model out."""

import json

from components.core.models import new_gpt2, save_model
from components.core.page import figures_page
from components.core.parallel import device, stream
from components.core.records import Document
from components.core.stage import Context, Inputs, Outputs, Stage
from components.pretraining.config import PretrainingConfig
from components.pretraining.given import take_given
from components.pretraining.initialisation import start_copying
from components.pretraining.tokenizer import encode_enough, train_tokenizer
from components.pretraining.training import document_loss, train_language_model

#: Tokens of held-out documents that the final loss is measured on, about: 100k tell it to 0.01.
HELD_OUT = 100_000
#: Updates over which the headline loss is averaged.
TAIL = 20


def run(config: PretrainingConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Input documents, base (optional); output policy."""
    if "base" in inputs or config.model:
        take_given(config, inputs, outputs, context)
        return
    # 1. The tokenizer learns from what the model will train on, never from held-out documents.
    texts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for row in inputs.rows("documents", Document):
        texts[row.split].append(row.text)
    tokenizer = train_tokenizer(texts["train"], config.vocabulary, config.positions)
    documents = encode_enough(
        tokenizer,
        texts["train"],
        config.steps * config.batch_tokens,
        stream(config.seed, "pretraining", "documents"),
    )
    held_out = encode_enough(
        tokenizer,
        texts["validation"] + texts["test"],
        HELD_OUT,
        stream(config.seed, "pretraining", "held out"),
    )

    # 2. The model.
    model = new_gpt2(
        vocab_size=len(tokenizer),
        positions=config.positions,
        hidden=config.hidden,
        layers=config.layers,
        heads=config.heads,
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
        initializer_range=config.initializer_std,
        generator=stream(config.seed, "pretraining", "weights"),
    )
    if config.start == "copying":
        generator = stream(config.seed, "pretraining", "start")
        start_copying(model, config.initializer_std, generator)
    model.to(device())

    # 3. Train.
    def report(done: int, total: int, loss: float) -> None:
        context.tracker.metrics({"loss": loss}, done)
        context.progress.update(done, total, loss=loss)

    checkpoints = context.checkpoints()
    losses = train_language_model(
        model,
        documents,
        config,
        report=report,
        checkpoints=checkpoints,
    )

    # 4. Publish.
    folder = context.workdir / "policy"
    save_model(model, tokenizer, folder)
    outputs.folder("policy", "policy", config.system, folder)
    context.tracker.text(json.dumps({"loss": losses}), "losses.json")
    figures = {
        "loss": sum(losses[-TAIL:]) / len(losses[-TAIL:]),
        "first_loss": losses[0],
        "parameters": float(sum(weight.numel() for weight in model.parameters())),
        "vocabulary": float(len(tokenizer)),
        "tokens_seen": float(config.steps * config.batch_tokens),
        "tokens": float(sum(map(len, documents))),
    }
    if held_out:
        # About as many logits at once as an update of default size has.
        rows = max(1, 16384 // config.positions)
        figures["heldout_loss"] = document_loss(model, held_out, config.positions, rows)
    outputs.headline_metrics(figures)
    outputs.curve("loss", losses)
    outputs.html(figures_page("Pretraining", figures))
    checkpoints.clear()


STAGE = Stage("pretraining", PretrainingConfig, run)
