"""Rows of a file from outside: JSONL, JSON, CSV or Parquet, each also with ``.gz`` (not Parquet).

A row that cannot be read is yielded with what is wrong with it, and reading goes on; a file that
cannot be read at all is a BadInput. Messages never hold what a row says.
"""

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from components.core.errors import BadInput, UserError

#: A line or a cell beyond this is not read into memory. 64 MiB is far beyond any contract's limit.
MAX_LINE = 64 << 20

FORMS = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row as it stood in a file."""

    #: 0-based; blank lines of a JSONL file count as lines but are no rows, a CSV header is neither.
    number: int
    value: dict[str, Any]
    #: Why the row could not be read: a reject's reason and rule. "" for a good row.
    reason: str = ""
    rule: str = ""


def check_file(path: Path) -> str:
    """A file's form, by its name. Raises UserError for one that is missing or of no known form."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"{path}: {what}; expected a file")
    form = Path(path.name.lower().removesuffix(".gz")).suffix
    if form not in FORMS or (form == ".parquet" and path.suffix.lower() == ".gz"):
        raise UserError(
            f"{path}: unknown form; expected a name that ends in {', '.join(FORMS)} (or .jsonl.gz, "
            ".csv.gz, .json.gz)"
        )
    return form


def file_digest(path: Path) -> str:
    """sha256 of a file as it lies there. Raises UserError for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def read_rows(path: Path) -> Iterator[SourceRow]:
    """The rows of one file."""
    form = check_file(path)
    try:
        if form == ".parquet":
            yield from _parquet(path)
            return
        with _open(path) as file:
            if form == ".csv":
                yield from _csv(path, file)
            elif form == ".json" and _first_character(file) == b"[":
                yield from _json(path, file)
            else:
                yield from _jsonl(file)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BadInput(f"{path}: is no whole gzip file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _open(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _first_character(file: IO[bytes]) -> bytes:
    start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return start[:1]


def _jsonl(file: IO[bytes]) -> Iterator[SourceRow]:
    number = -1
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            yield SourceRow(number, {}, "too_long", f"line up to {MAX_LINE} bytes")
            continue
        if number == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield _parse(number, line)


def _parse(number: int, line: bytes) -> SourceRow:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return SourceRow(number, {}, "invalid_utf8", "line is UTF-8")
    try:
        return _row(number, json.loads(text))
    except (ValueError, RecursionError):
        return SourceRow(number, {}, "malformed", "line is JSON")


def _row(number: int, value: object) -> SourceRow:
    if not isinstance(value, dict):
        return SourceRow(number, {}, "malformed", "row is an object")
    return SourceRow(number, value)


def _json(path: Path, file: IO[bytes]) -> Iterator[SourceRow]:
    """A JSON array; it is read whole, so large data should come as JSONL."""
    try:
        values = json.loads(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: line {error.lineno}: no JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path}: no JSON array of objects") from None
    for number, value in enumerate(values):
        yield _row(number, value)


def _csv(path: Path, file: IO[bytes]) -> Iterator[SourceRow]:
    csv.field_size_limit(MAX_LINE)
    # Bytes that are not UTF-8 become lone surrogates here, so that their row can be told apart.
    lines = (line.decode("utf-8", "surrogateescape") for line in _lines(file))
    reader = csv.reader(lines)
    header = next(reader, None)
    if not header:
        raise BadInput(f"{path}: is empty; expected a header and rows")
    header[0] = header[0].removeprefix("\ufeff").strip('"')
    if len(set(header)) != len(header):
        raise BadInput(f"{path}: the header names a column twice")
    number = -1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            number += 1
            yield SourceRow(number, {}, "malformed", "row is CSV")
            continue
        if cells is None:
            return
        if not cells:
            continue
        number += 1
        if len(cells) != len(header):
            yield SourceRow(number, {}, "malformed", f"row has {len(header)} cells")
        elif not all(_is_text(cell) for cell in cells):
            yield SourceRow(number, {}, "invalid_utf8", "row is UTF-8")
        else:
            yield SourceRow(number, dict(zip(header, cells, strict=True)))


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE):
        yield line


def _is_text(cell: str) -> bool:
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _parquet(path: Path) -> Iterator[SourceRow]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                for value in batch.to_pylist():
                    yield SourceRow(number, value)
                    number += 1
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadInput(f"{path}: no Parquet file, or a broken one (after row {number})") from None
