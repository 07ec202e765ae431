"""``python -m pipelines.real FOLDER``: publish public data from a folder, then run ``rlhf`` on it.

The README shows the same as single commands, for files of one's own.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from components.core.errors import UserError
from components.core.scrub import without_secrets
from components.core.storage import Storage
from data_contracts.errors import ContractError
from pipelines import catalogue, local, run_card, summary
from pipelines.profile import load
from pipelines.publish import PublishResult, publish_file
from pipelines.summary_view import show


@dataclass(frozen=True)
class Source:
    """A file of the folder and the dataset that it becomes part of."""

    dataset: str
    file: str
    form: str
    #: The dataset already holds rows of an earlier source.
    appends: bool = False


SOURCES = (
    Source("raw_prompts", "prompts_chat/submission_log.jsonl", "prompts-chat"),
    Source(
        "raw_prompts",
        "self_instruct/user_oriented_instructions.jsonl",
        "self-instruct",
        appends=True,
    ),
    Source("demonstrations", "self_instruct/seed_tasks.jsonl", "self-instruct"),
    Source("rankings", "oasst_trees/en_100_tree.jsonl", "oasst-trees"),
    Source("pretraining", "t0_50k/t0_50k.jsonl.gz", "prompt-completion"),
)
#: The pipeline's names of inputs that are called otherwise as datasets.
INPUTS = {"pretraining": "documents"}


def publish(folder: Path, root: str, console: Console) -> dict[str, str]:
    """Publish all sources; references by dataset. Raises UserError for a file that is not there."""
    missing = [source.file for source in SOURCES if not (folder / source.file).is_file()]
    if missing:
        raise UserError(
            f"{folder}: no {', '.join(missing)}; expected a folder with "
            f"{', '.join(source.file for source in SOURCES)}"
        )
    storage = Storage.from_environment()
    references: dict[str, str] = {}
    for source in SOURCES:
        result = publish_file(
            storage,
            root,
            source.dataset,
            [folder / source.file],
            form=source.form,
            append_to=references.get(source.dataset, "") if source.appends else "",
        )
        console.print(told(result, source), soft_wrap=True, highlight=False, markup=False)
        references[source.dataset] = result.reference
    return references


def told(result: PublishResult, source: Source) -> str:
    """One line on what was published."""
    rejected = "".join(
        f", {count:,} {reason.replace('_', ' ')}"
        for reason, count in sorted(result.rejected.items(), key=lambda pair: -pair[1])
    )
    counts = f"{result.rows_out:,} of {result.rows_in:,} rows{rejected}"
    return f"published {result.dataset:<15} {counts}  ({source.file})"


def run(folder: Path, settings: list[str], console: Console) -> dict[str, Any]:
    """Publish and run; returns the summary that was written."""
    config = load("real", settings)
    entry = catalogue.find("rlhf")
    with local.services() as environment:
        references = publish(folder, environment["INSTRUCTFLOW_ROOT"], console)
        inputs = [f"{INPUTS.get(name, name)}={found}" for name, found in references.items()]
        arguments = catalogue.arguments(entry, config, inputs)
        finished = local.run_pipeline("real", entry.pipeline(), arguments, console)
        written = summary.write(local.STATE / "real", config, finished)
        run_card.write(finished, entry, "real", settings, written)
    show(written, console)
    return written


def command(
    folder: Path = typer.Argument(help="Folder that holds the public data."),  # noqa: B008
    settings: list[str] = typer.Option(  # noqa: B008
        [], "--set", "-s", help="One override, as in --set ppo.iterations=20."
    ),
) -> None:
    """Publish public data from FOLDER and run the loop on it."""
    console = Console()
    try:
        run(folder, settings, console)
    except (UserError, ContractError) as error:
        text = f"error: {without_secrets(str(error))}"
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    typer.run(command)
