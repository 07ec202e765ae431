import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from rows_to_publish import MAPPED, lines, rejects, row, rows_of

from components.core.dataset import open_manifest, read_records, resolve
from components.core.errors import UserError
from components.core.records import (
    Message,
    RawPrompt,
    Reject,
)
from components.core.storage import Storage
from data_contracts.contract import load
from pipelines.publish import PublishResult, publish_file, show_result

#: Its header and its length are right; the deflated data in between is not.
DAMAGED = gzip.compress(b"{}\n" * 9999, mtime=0)[:10] + b"\xff" * 64


def write(folder: Path, form: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"prompts.{form}"
    text = io.StringIO(newline="")
    if "csv" in form:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    data = text.getvalue().encode() if "csv" in form else lines(*rows)
    if form.startswith("json") and "jsonl" not in form:
        data = json.dumps(rows, indent=1).encode()
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif form.endswith("gz"):
        path.write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "form", ["jsonl", "jsonl.gz", "ndjson", "json", "json.gz", "csv", "csv.gz", "parquet", "JSONL"]
)
def test_every_form_gives_the_same_dataset(
    storage: Storage, root: str, tmp_path: Path, form: str
) -> None:
    rows = [row(n, when=n, ask=f'Say "{n}",\nplease: ñ 漢字') for n in range(5)]
    path = write(tmp_path, form, rows)
    result = publish_file(storage, root, "raw_prompts", [path], [*MAPPED, "time=when"])
    assert rejects(storage, result) == []
    expected = [
        RawPrompt(
            f"k{n}",
            f"u{n}",
            "api",
            "plain",
            (Message("user", f'Say "{n}",\nplease: ñ 漢字'),),
            n,
        )
        for n in range(5)
    ]
    assert rows_of(storage, result, RawPrompt) == expected
    assert resolve(storage, root, "raw_prompts") == result.reference


def test_several_files_are_one_dataset(storage: Storage, root: str, tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_bytes(lines(row(0), row(1)))
    second.write_bytes(lines(row(2), row(1)))
    result = publish_file(storage, root, "raw_prompts", [first, second], MAPPED)
    assert [r.id for r in rows_of(storage, result, RawPrompt)] == ["k0", "k1", "k2"]
    (reject,) = read_records(storage, result.rejects, Reject)
    assert (reject.origin, reject.row, reject.id) == ("b.jsonl", 1, "k1")
    assert (reject.reason, reject.rule) == ("duplicate_id", "id: unique")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("none.jsonl", None, "does not exist"),
        ("x.txt", b"x", "unknown form"),
        ("x.parquet.gz", b"x", "unknown form"),
        ("x.parquet", b"PAR1 but no more", "no Parquet file"),
        ("x.jsonl.gz", b"not zipped", "no whole gzip file"),
        ("x.jsonl.gz", DAMAGED, "no whole gzip file"),
        ("x.parquet", b"PAR1" + b"\xff" * 40 + b"PAR1", "no Parquet file, or a broken one"),
        ("x.jsonl.gz", gzip.compress(b"{}\n" * 9999, mtime=0)[:40], "no whole gzip file"),
        ("x.json", b'[{"a": 1},', "line 1: no JSON"),
        ("x.json", b'["caf\xe9"]', "byte 5 is not UTF-8"),
        ("x.csv", b"", "is empty"),
        ("x.csv", b"a,a\n1,2\n", "names a column twice"),
    ],
)
def test_file_that_cannot_be_read_is_named(
    storage: Storage, root: str, tmp_path: Path, name: str, content: bytes | None, error: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=name) as caught:
        publish_file(storage, root, "raw_prompts", [path])
    assert error in str(caught.value)
    assert list(storage.list(root)) == []


def test_folder_dataset_and_form_that_are_not_there(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="is a folder"):
        publish_file(storage, root, "raw_prompts", [tmp_path])
    with pytest.raises(UserError, match="no contract for the dataset 'poems'"):
        publish_file(storage, root, "poems", [tmp_path])
    with pytest.raises(UserError, match="--format poems: unknown; there are: plain"):
        publish_file(storage, root, "prompts", [tmp_path], form="poems")
    with pytest.raises(UserError, match="makes raw_prompts or demonstrations, not rankings"):
        publish_file(storage, root, "rankings", [tmp_path], form="self-instruct")


def test_append_puts_earlier_rows_first_and_refuses_their_ids(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(row(0), row(1)))
    first = publish_file(storage, root, "raw_prompts", [path], MAPPED)
    path.write_bytes(lines(row(1), row(2)))
    second = publish_file(storage, root, "raw_prompts", [path], MAPPED, append_to=first.reference)
    assert (second.rows_in, second.rows_out, second.rejected) == (2, 1, {"duplicate_id": 1})
    assert [r.id for r in rows_of(storage, second, RawPrompt)] == ["k0", "k1", "k2"]
    manifest = open_manifest(storage, second.reference)
    assert manifest.provenance.parents == (first.reference,)


def test_result_is_shown_with_counts_and_references() -> None:
    stream = io.StringIO()
    result = PublishResult("prompts", 1234, 1230, {"malformed": 3, "x": 1}, "s3://a", "s3://b")
    show_result(result, Console(file=stream, width=60))
    for expected in ("1,234", "1,230", "rejected: malformed", "prompts: s3://a", "rejects: s3://b"):
        assert expected in stream.getvalue()


def test_every_default_is_a_field_of_its_dataset() -> None:
    from pipelines.intake import DEFAULTS
    from pipelines.layouts import LAYOUTS

    for name, defaults in DEFAULTS.items():
        assert set(defaults) <= {field.name for field in load(name).fields}
    for _, datasets in LAYOUTS.values():
        assert all(load(name) for name in datasets)
