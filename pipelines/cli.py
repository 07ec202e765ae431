"""The ``instructflow`` command. Errors a user can mend are one message and exit code 2."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from components.core.errors import UserError
from components.core.scrub import without_secrets
from data_contracts.errors import ContractError
from pipelines import contracts_command

app = typer.Typer(
    help="The InstructGPT loop as Kubeflow Pipelines: prompts, SFT, reward model, PPO-ptx, "
    "human evaluation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(contracts_command.commands, name="contracts")
out = Console()
err = Console(stderr=True)

Pipeline = Annotated[str, typer.Argument(help="quickstart, rlhf, prompts or feedback.")]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        "-p",
        help="A shipped profile (quickstart, real) or a YAML file of overrides; by default the "
        "pipeline's own.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="One override, as in --set ppo.kl_coefficient=0.02."),
]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        help="A pipeline input, as in --input rankings=latest, or earlier=latest-or-none: empty "
        "where nothing has been published yet.",
    ),
]


@app.command()
def run(
    pipeline: Pipeline,
    profile: Profile = None,
    settings: Settings = None,
    inputs: References = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do every step anew, whatever was done before.")
    ] = False,
) -> None:
    """Run a pipeline here, with an embedded S3 and MLflow where the environment names none.

    State, log, summary and report lie under .instructflow/. Killed or interrupted, the same
    command goes on where it was.
    """
    from pipelines import catalogue, local, run_card, summary
    from pipelines.profile import load
    from pipelines.summary_view import show

    entry = catalogue.find(pipeline)
    config = load(profile or entry.profile, settings or [])
    arguments = catalogue.arguments(entry, config, inputs or [])
    name = Path(profile or entry.profile).stem
    folder = entry.folder(name)
    with local.services():
        moving = catalogue.names_newest(entry, arguments)
        finished = local.run_pipeline(folder, entry.pipeline(), arguments, out, fresh, moving)
        written = summary.write(local.STATE / folder, config, finished)
        run_card.write(finished, entry, name, settings or [], written, inputs or [])
    show(written, out)


@app.command("compile")
def compile_pipeline(
    pipeline: Pipeline,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the YAML goes; PIPELINE.yaml by default."),
    ] = None,
    profile: Profile = None,
    settings: Settings = None,
    inputs: References = None,
) -> None:
    """Write a pipeline as KFP YAML, for a cluster's KFP backend.

    The profile's config and the inputs become the defaults of the pipeline's parameters. Steps run
    the image that INSTRUCTFLOW_IMAGE names.
    """
    from kfp import compiler

    from components.core.image import IMAGE
    from pipelines import catalogue
    from pipelines.profile import load

    entry = catalogue.find(pipeline)
    config = load(profile or entry.profile, settings or [])
    defaults = catalogue.arguments(entry, config, inputs or [], complete=False)
    path = output or Path(f"{pipeline}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(entry.pipeline(), str(path), pipeline_parameters=defaults)
    needed = [name for name in entry.inputs if name not in defaults]
    out.print(f"{path}: {pipeline}, steps run {IMAGE}", highlight=False, soft_wrap=True)
    if needed:
        out.print(f"to be given to a run: {', '.join(needed)}", highlight=False, soft_wrap=True)


@app.command("show-config")
def show_config(
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="Profile or YAML file.")
    ] = "quickstart",
    settings: Settings = None,
) -> None:
    """Print the whole config of a profile: every field with its value, as YAML."""
    import yaml

    from pipelines.profile import load

    values = load(profile, settings or []).model_dump(mode="json")
    typer.echo(yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip())


@app.command()
def publish(
    dataset: Annotated[str, typer.Argument(help="raw_prompts, demonstrations, pretraining ...")],
    files: Annotated[list[Path], typer.Argument(help="JSONL, JSON, CSV or Parquet; .gz too.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", "-m", help="field=column, or field:=constant."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="plain, prompts-chat, prompt-completion, self-instruct or oasst-trees.",
        ),
    ] = "plain",
    append_to: Annotated[
        str, typer.Option("--append-to", help="A published dataset whose rows come first.")
    ] = "",
) -> None:
    """Check rows from files against a dataset's contract and publish them to S3.

    DATASET may also be "labels": then the files are Label Studio's JSON exports, published as they
    are for the feedback pipeline, which reads them strictly.
    """
    from components.core.launch import root_from_environment
    from components.core.references import resolve
    from components.core.storage import Storage
    from pipelines import local
    from pipelines.labels import publish_labels
    from pipelines.publish import publish_file, show_result

    with local.services():
        storage, root = Storage.from_environment(), root_from_environment()
        if dataset == "labels":
            out.print(publish_labels(storage, root, files), soft_wrap=True, highlight=False)
            return
        earlier = resolve(storage, root, append_to) if append_to else ""
        result = publish_file(
            storage, root, dataset, files, mapping or [], form=form, append_to=earlier
        )
    show_result(result, out)


@app.command()
def inspect(
    uri: Annotated[
        str | None,
        typer.Argument(help="A reference, s3://...#sha256=..., or a name: prompts, policy/sft."),
    ] = None,
) -> None:
    """Show a published thing: its manifest, its counts and the lineage it came by.

    Without an argument, list what there is.
    """
    from components.core.launch import root_from_environment
    from components.core.storage import Storage
    from pipelines import local
    from pipelines.inspect import inspect_reference, list_published

    with local.services():
        storage, root = Storage.from_environment(), root_from_environment()
        if uri is None:
            list_published(storage, root, out)
        else:
            inspect_reference(storage, uri, out, root)


@app.command()
def fetch(
    uri: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE",
            help="A reference, s3://...#sha256=..., or a name: export/label_studio, policy/sft.",
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="Where its files go: a new or an empty folder.")],
) -> None:
    """Bring a published thing to disk, verified: tasks for Label Studio, a model, a dataset."""
    from components.core.launch import root_from_environment
    from components.core.storage import Storage
    from pipelines import local
    from pipelines.fetch import fetch

    with local.services():
        for path in fetch(Storage.from_environment(), root_from_environment(), uri, folder):
            out.print(str(path), soft_wrap=True, highlight=False, markup=False)


@app.command()
def doctor() -> None:
    """Check Python, torch and GPU, S3, MLflow and KFP: what is missing, and how to mend it."""
    from pipelines.doctor import diagnose, render

    findings = diagnose()
    render(findings, out)
    if any(finding.failed for finding in findings):
        raise typer.Exit(1)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on the loopback address.")] = 5000,
) -> None:
    """Serve MLflow over what the runs here wrote, until interrupted."""
    from pipelines import local, ui

    with local.services():
        ui.serve(port, out)


def main() -> None:
    """Entry point: user errors are a message and exit code 2; Typer makes 130 of an interrupt."""
    try:
        app()
    except (UserError, ContractError) as error:
        text = f"error: {without_secrets(str(error))}"
        err.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
