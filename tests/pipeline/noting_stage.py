"""A stage of no time: publishes a text under a name, so that several steps may share the name."""

from pydantic import Field

from components.core.config import Config
from components.core.stage import Context, Inputs, Outputs, Stage


class NotingConfig(Config):
    text: str = Field(description="What is published.")
    same: str = Field(default="same", description="A second text, under a name of its own.")
    name: str = Field(default="shared", description="Under which name.")
    purpose: str = Field(default="", description="Tells steps apart.")


def run(config: NotingConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Input before (optional); outputs aside, a report, and note, an export."""
    for output, kind, name, text in (
        ("aside", "report", "aside", config.same),
        ("note", "export", config.name, config.text),
    ):
        folder = context.workdir / output
        folder.mkdir()
        (folder / "text.txt").write_text(text)
        outputs.folder(output, kind, name, folder)  # type: ignore[arg-type]


STAGE = Stage("noting", NotingConfig, run)
