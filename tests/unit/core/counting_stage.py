"""A small training stage for tests of launch, checkpoints and tracking: run it, kill it, resume it.

python counting_stage.py --config '{"steps": 40}'
"""

import time
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field

from components.core.config import PERSONAL, Config
from components.core.errors import BadInput
from components.core.shell import main
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.training_state import (
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)


class CountingConfig(Config):
    steps: int = Field(default=10, ge=1, description="Steps.")
    period: int = Field(default=5, ge=1, description="Steps between checkpoints.")
    pause: float = Field(default=0.0, description="Seconds a step.")
    fault: Literal["", "input", "defect"] = Field(default="", description="How it fails.")
    system: str = Field(default="counting", description="Name of what it publishes.")
    people: Annotated[dict[str, tuple[str, ...]], PERSONAL] = Field(
        default={}, description="Who it is for, by group."
    )


def run(config: CountingConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Input notes (folders, optional); output policy, a folder with the final weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torch.nn.Linear(8, 8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    checkpoints = context.checkpoints()
    done = 0
    if saved := checkpoints.newest():
        load_module("model", model, saved.tensors)
        load_optimizer("optimizer", optimizer, saved.tensors)
        done = saved.step
        print(f"resumed at {done}", flush=True)
    for step in range(done + 1, config.steps + 1):
        noise = torch.randn(4, 8, generator=torch.Generator().manual_seed(step))
        loss = ((model(noise) - noise) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        context.tracker.metrics({"loss": loss.item()}, step)
        context.progress.update(step, config.steps, loss=loss.item())
        if step % config.period == 0:
            state = module_state("model", model) | optimizer_state("optimizer", optimizer)
            checkpoints.save(step, state, {"done": step})
            print(f"saved {step}", flush=True)
        if step == config.steps // 2 and config.fault == "input":
            raise BadInput("notes.jsonl, row 3: field 'id' is missing; expected a string")
        if step == config.steps // 2 and config.fault == "defect":
            raise RuntimeError("a message that quotes the prompt Zanzibar-4711")
        time.sleep(config.pause)
    folder = context.workdir / "policy"
    folder.mkdir()
    Path(folder / "weights.txt").write_text(str(model.weight.tolist()))
    outputs.folder("policy", "policy", config.system, folder)
    outputs.headline_metrics({"loss": loss.item(), "notes": float(len(inputs.all("notes")))})
    outputs.html("<h1>Counting</h1>")


STAGE = Stage("counting", CountingConfig, run)
#: Of this stage no KFP component stands beside it.
INPUTS = ("notes", "more_notes")

if __name__ == "__main__":
    main(STAGE, inputs=INPUTS)
