"""Datasets and models as published things: publish once, read with verification.

Layout: ``<root>/datasets/<name>/<digest[:16]>/part-00000.parquet ... manifest.json``. The manifest
is written last and only if there is none, so a thing exists whole or not at all, two writers cannot
both win, and the same content published twice is the same reference with its first manifest.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from components.core.contracts import contract_of, published_under, read_as
from components.core.errors import BadInput
from components.core.manifest import (
    MANIFEST,
    DatasetError,
    File,
    Kind,
    Manifest,
    Provenance,
    parse_reference,
    pointer,
)
from components.core.records import Record
from components.core.references import Lineage, lineage, open_manifest, resolve, resolve_latest
from components.core.shards import (
    NotConvertible,
    ShardWriter,
    batches,
    describe_file,
    read_shard,
    rows_of,
)
from components.core.storage import MissingKey, PreconditionFailed, Storage
from data_contracts.contract import Contract
from data_contracts.errors import ContractViolation
from data_contracts.schema import arrow_schema
from data_contracts.upgrade import upgrade
from data_contracts.validate import ValidationReport, Validator

__all__ = [
    "DatasetError",
    "DatasetViolation",
    "File",
    "Kind",
    "Lineage",
    "Manifest",
    "Provenance",
    "check",
    "contract_of",
    "download_folder",
    "expect",
    "lineage",
    "open_manifest",
    "publish_folder",
    "publish_records",
    "read_batches",
    "read_records",
    "read_table",
    "resolve",
    "resolve_latest",
]

R = TypeVar("R", bound=Record)

#: Beside the shards, no part of the identity: how the rows fared against their contract.
REPORT_JSON, REPORT_HTML = "validation.json", "validation.html"


class DatasetViolation(BadInput, ContractViolation):
    """A ContractViolation as a user's error. Names rule, count and row ids, never the text."""

    def __init__(self, violation: ContractViolation) -> None:
        ContractViolation.__init__(
            self,
            violation.contract,
            violation.rule,
            violation.count,
            violation.rows,
            violation.report,
        )


def publish_records(
    storage: Storage,
    root: str,
    dataset: str,
    records: Iterable[Record],
    provenance: Provenance,
    name: str = "",
) -> str:
    """Publish rows under the newest contract ``dataset``; returns the reference.

    They are published as the contract's name, or as ``name`` where its ``latest`` is not to be
    moved. Rows stream through a local scratch folder; nothing is uploaded before all rows passed.
    Raises DatasetViolation (a ContractViolation) when rows break the contract.
    """
    contract = contract_of(dataset)
    schema = arrow_schema(contract)
    with tempfile.TemporaryDirectory(prefix="instructflow-") as scratch:
        folder = Path(scratch)
        writer = ShardWriter(folder, schema)
        validator = Validator(contract)
        rows = 0
        try:
            for batch in batches(records, schema):
                validator.add(batch)
                writer.add(batch)
                rows += batch.num_rows
            report = validator.finish()
        except NotConvertible as error:
            place = [str(rows + error.row)]
            violation = ContractViolation(contract.id, f"{error.field}: type", 1, place)
            raise DatasetViolation(violation) from None
        except ContractViolation as violation:
            raise DatasetViolation(violation) from None
        manifest = Manifest(
            kind="dataset",
            name=name or dataset,
            contract=contract.id,
            files=writer.close(),
            rows=rows,
            provenance=provenance,
        )
        return _publish(storage, root, manifest, folder, report)


def publish_folder(
    storage: Storage, root: str, kind: Kind, name: str, path: Path, provenance: Provenance
) -> str:
    """Publish every file below ``path`` as one thing; returns the reference."""
    names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    if not names:
        raise DatasetError(f"{kind} {name}: the folder to publish has no files")
    files = tuple(describe_file(path / file, file) for file in names)
    manifest = Manifest(kind=kind, name=name, files=files, provenance=provenance)
    return _publish(storage, root, manifest, path, None)


def _publish(
    storage: Storage, root: str, manifest: Manifest, folder: Path, report: ValidationReport | None
) -> str:
    reference = manifest.reference(root)
    prefix = parse_reference(reference).prefix
    if not storage.exists(f"{prefix}/{MANIFEST}"):
        for file in manifest.files:
            storage.put_file(folder / file.path, f"{prefix}/{file.path}")
        if report is not None:
            storage.put_bytes(f"{prefix}/{REPORT_JSON}", report.to_json().encode())
            storage.put_bytes(f"{prefix}/{REPORT_HTML}", report.to_html().encode())
        text = manifest.canonical_json().encode()
        try:
            storage.put_bytes(f"{prefix}/{MANIFEST}", text, if_absent=True)
        except PreconditionFailed:
            # Another writer of the same content was first; its manifest stays.
            open_manifest(storage, reference)
    storage.put_bytes(pointer(root, manifest.kind, manifest.name), reference.encode())
    return reference


def read_records(storage: Storage, reference: str, record: type[R]) -> Iterator[R]:
    """The rows of a dataset, a shard at a time on disk and a batch at a time in memory.

    Raises DatasetError where a shard was changed or is gone, and what ``expect`` raises.
    """
    expect(storage, reference, record)
    for batch in read_batches(storage, reference):
        yield from map(record.from_row, rows_of(batch))


def expect(storage: Storage, reference: str, record: type[Record]) -> None:
    """Raises DatasetError where a published thing is no dataset of these records."""
    manifest = open_manifest(storage, reference)
    found = read_as(manifest, reference)[1].record if manifest.kind == "dataset" else "no rows"
    if found != record.__name__:
        raise DatasetError(
            f"{reference}: is a {manifest.kind} '{manifest.name}' ({found}), "
            f"not a dataset of {record.__name__}"
        )


def read_table(storage: Storage, reference: str) -> pa.Table:
    """A whole dataset in memory."""
    rows = list(read_batches(storage, reference))
    schema = arrow_schema(read_as(open_manifest(storage, reference), reference)[1])
    return pa.Table.from_batches(rows, schema)


def check(storage: Storage, reference: str) -> None:
    """Hold a dataset against its contract, unless a report of that lies beside its shards.

    Its publisher leaves one; a dataset that came in from elsewhere is checked when it is first
    read. Raises DatasetViolation.
    """
    manifest = open_manifest(storage, reference)
    contract = published_under(manifest, reference)
    prefix = parse_reference(reference).prefix
    if not storage.exists(f"{prefix}/{REPORT_JSON}"):
        _validate(storage, prefix, manifest, contract)


def read_batches(
    storage: Storage, reference: str, first: int = 0, last: int | None = None
) -> Iterator[pa.RecordBatch]:
    """A dataset's rows in Arrow, about a thousand at a time, in its contract's newest version.

    Rows of an older version are brought up to it. Of a stretch from row ``first`` to before row
    ``last`` only its shards are fetched. Raises DatasetError where a shard was changed or is gone,
    or the version is unknown or too old, and what ``check`` raises.
    """
    manifest = open_manifest(storage, reference)
    own, new = read_as(manifest, reference)
    check(storage, reference)
    last = manifest.rows if last is None else last
    end = 0
    for file in manifest.files:
        at, end = end, end + file.rows
        if end <= first or at >= last:
            continue
        for batch in _shard(storage, parse_reference(reference).prefix, file, arrow_schema(own)):
            if (part := batch.slice(max(0, first - at), max(0, last - max(first, at)))).num_rows:
                yield part if own == new else upgrade(part, new)
            at += batch.num_rows


def _validate(storage: Storage, prefix: str, manifest: Manifest, contract: Contract) -> None:
    validator = Validator(contract)
    try:
        for file in manifest.files:
            for batch in _shard(storage, prefix, file, arrow_schema(contract)):
                validator.add(batch)
        report = validator.finish()
    except ContractViolation as violation:
        raise DatasetViolation(violation) from None
    storage.put_bytes(f"{prefix}/{REPORT_HTML}", report.to_html().encode())
    storage.put_bytes(f"{prefix}/{REPORT_JSON}", report.to_json().encode())


def _shard(
    storage: Storage, prefix: str, file: File, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    with tempfile.TemporaryDirectory(prefix="instructflow-") as scratch:
        path = Path(scratch) / "shard.parquet"
        _fetch(storage, prefix, file, path)
        rows = 0
        try:
            for batch in read_shard(path):
                rows += batch.num_rows
                yield batch.select(schema.names).cast(schema)
        except (pa.ArrowException, KeyError):
            raise DatasetError(f"{prefix}/{file.path}: not a shard of this contract") from None
        if rows != file.rows:
            raise DatasetError(
                f"{prefix}/{file.path}: holds {rows} rows, its manifest says {file.rows}"
            )


def _fetch(storage: Storage, prefix: str, file: File, path: Path) -> None:
    """Download one file and compare size and sha256 with the manifest."""
    try:
        storage.get_file(f"{prefix}/{file.path}", path)
    except MissingKey:
        raise DatasetError(f"{prefix}/{file.path}: is gone, though the manifest names it") from None
    found = describe_file(path, file.path, file.rows)
    if found != file:
        raise DatasetError(
            f"{prefix}/{file.path}: is not what was published "
            f"({found.size} bytes, sha256 {found.sha256[:12]}...; "
            f"expected {file.size} bytes, {file.sha256[:12]}...)"
        )


def download_folder(storage: Storage, reference: str, into: Path) -> Path:
    """Download and verify a published folder to ``into/<name>-<digest[:16]>``; returns that path.

    A folder that is already there whole is not downloaded again: it is moved in place only when
    every file was verified.
    """
    parsed = parse_reference(reference)
    manifest = open_manifest(storage, reference)
    target = into / f"{manifest.name}-{Path(parsed.prefix).name}"
    if target.is_dir():
        return target
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=into) as scratch:
        folder = Path(scratch) / "folder"
        folder.mkdir()
        for file in manifest.files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            _fetch(storage, parsed.prefix, file, path)
        if not target.is_dir():
            folder.rename(target)
    return target
