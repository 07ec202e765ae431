"""``instructflow publish``: rows of files from outside become a published dataset.

Each row either keeps the dataset's contract or becomes a row of ``rejects`` with its number and a
reason, and the counts add up: rows in = rows out + rejected. Rejects never hold text.
"""

import datetime
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from components.core import records
from components.core.config import canonical_json, sha256_hex
from components.core.dataset import (
    Provenance,
    contract_of,
    open_manifest,
    publish_records,
    read_records,
)
from components.core.errors import BadInput, UserError
from components.core.failure import telling_full_disk
from components.core.records import Record
from components.core.storage import Storage
from components.core.version import code_version
from pipelines.intake import Intake, NoRows, origins, printable
from pipelines.layouts import LAYOUTS, Layout
from pipelines.mapping import FieldMapping
from pipelines.source_rows import check_file


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What ``publish`` did. ``rows_in == rows_out + sum(rejected.values())``."""

    dataset: str
    rows_in: int
    rows_out: int
    #: Reason to count.
    rejected: dict[str, int]
    reference: str
    #: Reference of the rejects, "" where there were none.
    rejects: str


def publish_file(
    storage: Storage,
    root: str,
    dataset: str,
    files: Sequence[Path],
    mapping: Sequence[str] = (),
    *,
    form: str = "plain",
    append_to: str = "",
) -> PublishResult:
    """Publish the rows of some files as ``dataset``.

    ``mapping`` holds ``field=column`` and ``field:=constant``; ``form`` is a layout; ``append_to``
    is a dataset whose rows come first. Raises UserError for a missing file, an unknown form or
    mapping, and BadInput when no row at all is good (the rejects are published all the same).
    """
    contract = contract_of(dataset)
    layout, datasets = _layout(form)
    if datasets and dataset not in datasets:
        raise UserError(f"--format {form} makes {' or '.join(datasets)}, not {dataset}")
    if not files:
        raise UserError("no file to publish")
    for file in files:
        check_file(file)
    mapped = FieldMapping.parse(contract, mapping)
    options = [printable(option) for option in mapped.settings()]
    asked = canonical_json([dataset, form, origins(files), options])
    provenance = Provenance(
        parents=(append_to,) if append_to else (),
        code_version=code_version(),
        config_digest=sha256_hex(asked),
        run="publish",
        stage="publish",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    record: type[Record] = getattr(records, contract.record)
    with telling_full_disk(), tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
        intake = Intake(contract, mapped, spool)
        earlier = intake.earlier(read_records(storage, append_to, record)) if append_to else ()
        good = _chain(earlier, (record.from_row(r) for r in intake.rows(files, layout)))
        reference, failure = "", None
        try:
            reference = publish_records(storage, root, dataset, good, provenance)
        except NoRows as error:
            failure = error
        rejects = ""
        if intake.rejected:
            rejects = publish_records(storage, root, "rejects", intake.rejects(), provenance)
    if failure is not None:
        raise BadInput(
            f"none of {intake.rows_in} rows can be published as {dataset}: "
            + (_counts(intake.rejected) or "the files hold no rows")
            + (f"; see {rejects}" if rejects else "")
        )
    rows_out = intake.rows_out
    assert open_manifest(storage, reference).rows == rows_out + intake.rows_earlier
    return PublishResult(
        dataset, intake.rows_in, rows_out, dict(intake.rejected), reference, rejects
    )


def _layout(form: str) -> tuple[Layout, tuple[str, ...]]:
    if form not in LAYOUTS:
        raise UserError(f"--format {form}: unknown; there are: {', '.join(LAYOUTS)}")
    return LAYOUTS[form]


def _chain(first: Iterable[Record], then: Iterable[Record]) -> Iterator[Record]:
    yield from first
    yield from then


def _counts(rejected: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in rejected.most_common())


def show_result(result: PublishResult, console: Console) -> None:
    """Counts and references, for people."""
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("rows in", f"{result.rows_in:,}")
    for reason, count in sorted(result.rejected.items(), key=lambda pair: -pair[1]):
        table.add_row(f"rejected: {reason}", f"{count:,}")
    table.add_row("rows out", f"{result.rows_out:,}")
    console.print(table)
    console.print(f"{result.dataset}: {result.reference}", soft_wrap=True, highlight=False)
    if result.rejects:
        console.print(f"rejects: {result.rejects}", soft_wrap=True, highlight=False)
