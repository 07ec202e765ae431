"""``python -m components.<stage>``: the same run from a shell or torchrun."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.core.errors import UserError
from components.core.launch import run_stage
from components.core.scrub import without_secrets
from components.core.stage import Stage


def main(stage: Stage[Any], inputs: Sequence[str] | None = None) -> None:
    """``python -m components.<stage>``: run it on references, print output references as JSON.

    Progress goes to standard error. Exit code 0: done; 1: failed; 2: wrong arguments; 143: SIGTERM.

    Args:
        stage: what to run.
        inputs: names of its inputs; where they are not given, those of its KFP component.
    """
    known = input_names(stage) if inputs is None else inputs
    module = getattr(sys.modules["__main__"], "__spec__", None)
    parser = argparse.ArgumentParser(
        prog=f"python -m {module.parent}" if module else None,
        description=f"Run the stage {stage.name} on published references and print the references "
        "of its outputs as JSON. S3, MLflow and the root come from AWS_*, AWS_ENDPOINT_URL, "
        "MLFLOW_TRACKING_URI and INSTRUCTFLOW_ROOT.",
    )
    parser.add_argument(
        "--config", default="{}", metavar="JSON", help="JSON, or a file with it, or - for stdin"
    )
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=REFERENCE",
        help=f"an input, of {', '.join(known) or 'none'}; may be repeated, also with the same name",
    )
    arguments = parser.parse_args()
    # All inputs, so that a record of the work says which were left empty.
    references: dict[str, list[str]] = {name: [] for name in known}
    for text in arguments.input:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            parser.error(f"--input {text}: expected NAME=REFERENCE")
        if name not in references:
            parser.error(
                f"--input {text}: {stage.name} has no input {name!r}; it has: "
                + (", ".join(known) or "none")
            )
        references[name].append(value)
    try:
        outputs = run_stage(stage, _config_text(arguments.config), references, lines=sys.stderr)
    except UserError as error:
        print(f"error: {without_secrets(str(error))}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps(outputs.references, indent=2))


def input_names(stage: Stage[Any]) -> list[str]:
    """The names of a stage's inputs: the parameters of the KFP component beside it, but config.

    The component has to spell them out, so they stand nowhere else. Its name is the stage's.
    """
    folder = stage.run.__module__.rpartition(".")[0]
    component: Any = getattr(importlib.import_module(f"{folder}.component"), stage.name)
    return [name for name in component.component_spec.inputs or () if name != "config"]


def _config_text(argument: str) -> str:
    """JSON as it stands, from standard input (-), or from the file of that name."""
    if argument == "-":
        return sys.stdin.read()
    if argument.lstrip().startswith("{"):
        return argument
    try:
        return Path(argument.removeprefix("@")).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--config {argument}: no JSON object, and no file of it: {error}"
        ) from None
