"""``instructflow inspect``: what a published thing is, what is in it, and how it came to be."""

import datetime
from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from components.core.contracts import read_as
from components.core.dataset import (
    DatasetError,
    Lineage,
    Manifest,
    lineage,
    open_manifest,
    read_batches,
    resolve,
)
from components.core.manifest import FOLDERS
from components.core.storage import Storage
from data_contracts.contract import Contract
from data_contracts.fields import pii_fields

#: Columns of few values that are no pseudonyms, besides those whose values a contract lists.
COUNTED = ("system", "reason", "use_case", "language")
#: Values of one column that are shown, most frequent first.
SHOWN = 12
#: Files that are listed.
FILES = 20


def inspect_reference(storage: Storage, uri: str, console: Console, root: str = "") -> None:
    """Print manifest, counts and lineage of a published thing.

    No field that may hold text is read. Raises DatasetError where nothing whole is there.

    Args:
        storage: where it lies.
        uri: a reference, a prefix ``s3://bucket/...``, or, with a root, a name as in ``prompts`` or
            ``policy/sft``: what was published last under it.
        console: where it is shown.
        root: below which names are looked for.
    """
    if not (root or uri.startswith("s3://")):
        raise DatasetError(f"'{uri}' is no reference; expected s3://bucket/prefix#sha256=...")
    reference = resolve(storage, root, uri)
    manifest = open_manifest(storage, reference)
    # In one line, so that it can be copied.
    console.print(reference, soft_wrap=True, highlight=False, markup=False)
    console.print(_summary(manifest))
    console.print(_files(manifest))
    if manifest.kind == "dataset":
        own, contract = read_as(manifest, reference)
        console.print(_guarded(own, manifest))
        counts = count_values(storage, reference, contract)
        if counts:
            console.print(_counts(counts))
    console.print(lineage_tree(lineage(storage, reference)))


def list_published(storage: Storage, root: str, console: Console) -> None:
    """Print what was published last under each kind and name below a root, and when (UTC)."""
    top = f"{root.rstrip('/')}/latest/"
    found = list(storage.list(top))
    width = max((len(info.uri) - len(top) for info in found), default=0)
    for info in found:
        name = info.uri.removeprefix(top)
        moment = info.modified.strftime("%Y-%m-%d %H:%M")
        # Each in one line, so that it can be copied.
        line = Text(f"{name:{width}}  {moment}  {storage.get_bytes(info.uri).decode()}")
        console.print(line, soft_wrap=True)
    if not found:
        console.print(f"nothing is published below {root} yet", highlight=False, soft_wrap=True)


def _summary(manifest: Manifest) -> Table:
    made = manifest.provenance
    lines = {
        "kind": manifest.kind,
        "name": manifest.name,
        "contract": manifest.contract,
        "rows": f"{manifest.rows:,}" if manifest.kind == "dataset" else "",
        "size": f"{manifest.size:,} bytes in {len(manifest.files):,} file(s)",
        "stage": made.stage,
        "run": made.run,
        "created": made.created,
        "code": made.code_version,
        "config": made.config_digest,
    }
    return _named(lines)


def _guarded(contract: Contract, manifest: Manifest) -> Table:
    """Who answers for a dataset, whom it may name, and until when it may be kept."""
    fields = [f"{path} {kind}" for path, kind in pii_fields(contract.fields)]
    lines = {
        "owner": contract.owner,
        "pii": contract.pii + (f" ({', '.join(fields)})" if fields else ""),
        "retention": contract.retention.label + _until(contract, manifest),
    }
    return _named(lines)


def _until(contract: Contract, manifest: Manifest) -> str:
    """The last day of a dataset's retention, where its manifest says when it was made."""
    days = contract.retention.days
    try:
        created = datetime.datetime.fromisoformat(manifest.provenance.created)
    except ValueError:
        return ""
    return "" if days is None else f", until {(created + datetime.timedelta(days=days)).date()}"


def _named(lines: dict[str, str]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", min_width=9)
    table.add_column(overflow="fold")
    for name, value in lines.items():
        if value:
            table.add_row(name, escape(value))
    return table


def _files(manifest: Manifest) -> Table:
    table = Table(title="files", title_justify="left")
    for column in ("path", "bytes", "rows", "sha256"):
        table.add_column(column, justify="right" if column in ("bytes", "rows") else "left")
    for file in manifest.files[:FILES]:
        rows = f"{file.rows:,}" if manifest.kind == "dataset" else ""
        table.add_row(file.path, f"{file.size:,}", rows, f"{file.sha256[:12]}...")
    if len(manifest.files) > FILES:
        table.add_row(f"and {len(manifest.files) - FILES} more", "", "", "")
    return table


def count_values(storage: Storage, reference: str, contract: Contract) -> dict[str, Counter[str]]:
    """How often each value occurs, for the columns in which that says something."""
    columns = [f.name for f in contract.fields if f.allowed is not None or f.name in COUNTED]
    counts: dict[str, Counter[str]] = {column: Counter() for column in columns}
    if columns:
        for batch in read_batches(storage, reference):
            for column in columns:
                for pair in batch.column(column).value_counts().to_pylist():
                    counts[column][str(pair["values"])] += pair["counts"]
    return counts


def _counts(counts: dict[str, Counter[str]]) -> Table:
    table = Table(title="counts", title_justify="left")
    table.add_column("column")
    table.add_column("rows by value", overflow="fold")
    for column, values in counts.items():
        shown = ", ".join(f"{value} {count:,}" for value, count in values.most_common(SHOWN))
        more = len(values) - SHOWN
        table.add_row(column, shown + (f" and {more} more values" if more > 0 else ""))
    return table


def lineage_tree(node: Lineage) -> Tree:
    """What it was made from, as a tree; what stands twice is opened once."""
    opened: set[str] = set()

    def add(tree: Tree, current: Lineage) -> None:
        opened.add(current.reference)
        for parent in current.parents:
            again = parent.reference in opened and bool(parent.parents)
            branch = tree.add(_label(parent) + (" (see above)" if again else ""))
            if not again:
                add(branch, parent)

    top = Tree(f"lineage of {_label(node)}")
    add(top, node)
    return top


def _label(node: Lineage) -> str:
    if node.manifest is None:
        return f"[red]gone[/red] {escape(node.reference)}"
    made = node.manifest.provenance
    rows = f", {node.manifest.rows:,} rows" if node.manifest.kind == "dataset" else ""
    by = f" by {escape(made.stage)}" if made.stage else ""
    digest = node.manifest.identity_digest()[:12]
    return f"[bold]{FOLDERS[node.manifest.kind]}/{node.manifest.name}[/bold] {digest}{rows}{by}"
