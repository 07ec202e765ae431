"""``python -m components.<stage>``: the same run from a shell or torchrun."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from components.core.errors import UserError
from components.core.launch import run_stage
from components.core.scrub import without_secrets
from components.core.stage import Stage


def main(stage: Stage[Any]) -> None:
    """``python -m components.<stage>``: run it on references, print output references as JSON.

    Progress goes to standard error. Exit code 0: done; 1: failed; 2: wrong arguments; 143: SIGTERM.
    """
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
        help="an input; may be repeated, also with the same name",
    )
    arguments = parser.parse_args()
    references: dict[str, list[str]] = {}
    for text in arguments.input:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            parser.error(f"--input {text}: expected NAME=REFERENCE")
        references.setdefault(name, []).append(value)
    try:
        outputs = run_stage(stage, _config_text(arguments.config), references, lines=sys.stderr)
    except UserError as error:
        print(f"error: {without_secrets(str(error))}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps(outputs.references, indent=2))


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
