"""``instructflow contracts``: what datasets hold, whether the contracts are sound, what changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from data_contracts.contract import Contract

commands = typer.Typer(
    help="Data contracts: list them, show one, check them, compare two versions.",
    no_args_is_help=True,
)
out = Console()


@commands.command("list")
def list_contracts() -> None:
    """List the contracts: versions, owner, PII class, retention, what a row is."""
    from data_contracts.lock import existing
    from pipelines.contracts_view import overview

    out.print(overview(existing()))


@commands.command()
def show(
    contract: Annotated[
        str, typer.Argument(help="prompts (its newest version), prompts@1, or a YAML file.")
    ],
) -> None:
    """Show a contract: its fields with their rules and PII classes, and an example row."""
    from pipelines.contracts_view import details

    out.print(details(_given(contract)))


@commands.command()
def check(
    versions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[OLD NEW]",
            help="Two versions to compare, each as prompts@1 or a YAML file; without, check all.",
        ),
    ] = None,
) -> None:
    """Check all contracts, or find what changed between two versions and whom that breaks.

    Exit code 1 where a contract is at fault, or a change breaks readers or writers.
    """
    from components.core.errors import UserError
    from pipelines import contracts_view as view

    if versions and len(versions) != 2:
        raise UserError(f"{len(versions)} version given; expected two, OLD NEW, or none")
    if versions:
        sound = view.show_changes(_given(versions[0]), _given(versions[1]), out)
    else:
        sound = view.show_check(out)
    if not sound:
        raise typer.Exit(1)


@commands.command()
def lock() -> None:
    """Release what is new: note its digest, after which its rows' form stays as it is."""
    from data_contracts import contract, lock

    before = lock.read()
    after = lock.updated(before)
    Path(str(contract.FOLDER / lock.LOCK)).write_text(lock.to_yaml(after), encoding="utf-8")
    for name in after:
        if before.get(name) != after[name]:
            told = "new wording" if name in before else "released"
            out.print(f"{name}: {told}", highlight=False)
    if before == after:
        out.print(f"{len(after)} versions, nothing new", highlight=False)


def _given(version: str) -> "Contract":
    """``prompts``, ``prompts@1`` or a file. Raises ContractError or UserError."""
    from components.core.errors import UserError
    from data_contracts.contract import load, parse

    if not version.endswith((".yaml", ".yml")):
        return load(version)
    try:
        return parse(Path(version).read_text("utf-8"), version)
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{version}: cannot be read; expected a contract as YAML") from None
