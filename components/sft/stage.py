"""The stage: a base policy and demonstrations in, the SFT policy out."""

import json

from components.core.errors import BadInput
from components.core.models import load_policy, positions, save_model
from components.core.page import figures_page
from components.core.parallel import device
from components.core.records import Demonstration, Document
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.tokens import load_tokenizer
from components.sft.config import SftConfig
from components.sft.rows import build_rows
from components.sft.training import train_sft

#: Updates over which the headline loss is averaged.
TAIL = 10


def run(config: SftConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Inputs base, demonstrations, pretraining (only with a mix); output policy."""
    # 1. The base policy.
    folder = inputs.folder(inputs.reference("base"))
    tokenizer = load_tokenizer(folder)
    model = load_policy(folder).to(device())

    # 2. Rows.
    if config.pretraining_mix > 0 and "pretraining" not in inputs:
        raise BadInput(
            f"pretraining: not given, but sft.pretraining_mix is {config.pretraining_mix}; give "
            "documents or set it to 0"
        )
    room = positions(model)
    rows = build_rows(
        tokenizer,
        inputs.rows("demonstrations", Demonstration),
        inputs.rows("pretraining", Document) if config.pretraining_mix > 0 else (),
        limit=min(config.max_tokens or room, room),
        validation_fraction=config.validation_fraction,
        seed=config.seed,
    )
    if config.pretraining_mix > 0 and not rows.documents:
        raise BadInput(
            "pretraining: no document with split train, but sft.pretraining_mix is "
            f"{config.pretraining_mix}; expected at least one of two tokens or more"
        )

    # 3. Train.
    def report(done: int, total: int, figures: dict[str, float]) -> None:
        context.tracker.metrics(figures, done)
        context.progress.update(done, total, loss=figures["loss"])

    checkpoints = context.checkpoints()
    history = train_sft(
        model,
        rows,
        config,
        pad_id=tokenizer.pad_token_id,
        report=report,
        checkpoints=checkpoints,
    )

    # 4. Publish.
    out = context.workdir / "policy"
    save_model(model, tokenizer, out)
    outputs.folder("policy", "policy", config.system, out)
    context.tracker.text(json.dumps(vars(history)), "losses.json")
    figures = {
        "loss": sum(history.loss[-TAIL:]) / len(history.loss[-TAIL:]),
        "first_loss": history.loss[0],
        "base_validation_loss": history.validation[0],
        "validation_loss": min(history.validation[1:]),
        "best_epoch": float(history.best_epoch),
        "demonstrations": float(len(rows.train)),
        "validation_demonstrations": float(len(rows.validation)),
        "too_long": float(rows.too_long),
    }
    outputs.headline_metrics(figures)
    outputs.curve("loss", history.loss)
    outputs.curve("validation_loss", history.validation)
    outputs.html(figures_page("Supervised tuning", figures))
    checkpoints.clear()


STAGE = Stage("sft", SftConfig, run)
