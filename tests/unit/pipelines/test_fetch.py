"""Published things on disk: the same bytes, or a message and nothing."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.core.dataset import (
    DatasetError,
    Manifest,
    Provenance,
    open_manifest,
    publish_folder,
    publish_records,
)
from components.core.errors import UserError
from components.core.manifest import parse_reference
from components.core.records import Message, RawPrompt
from components.core.storage import Storage
from pipelines.fetch import fetch

MADE = Provenance(stage="test")


@pytest.fixture
def export(storage: Storage, root: str, tmp_path: Path) -> str:
    """The reference of a folder with a folder in it."""
    content = tmp_path / "published"
    (content / "more").mkdir(parents=True)
    (content / "config.xml").write_text("<View/>")
    (content / "more" / "tasks.csv").write_text("a,b\n")
    return publish_folder(storage, root, "export", "label_studio", content, MADE)


def test_a_folder_comes_as_it_was_published(
    storage: Storage, root: str, export: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for number, name in enumerate([export, "export/label_studio", "export/label_studio@latest"]):
        folder = tmp_path / ("empty" if number == 0 else f"new/{number}")
        files = fetch(storage, root, name, folder)
        assert files == [folder / "config.xml", folder / "more" / "tasks.csv"]
        assert [path.read_text() for path in files] == ["<View/>", "a,b\n"]
        # Nothing hidden is left, either.
        assert sorted(path.name for path in folder.iterdir()) == ["config.xml", "more"]


def test_a_dataset_comes_as_shards_and_manifest(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rows = [RawPrompt(f"p{n}", "u", "api", "plain", (Message("user", "x"),), n) for n in range(3)]
    reference = publish_records(storage, root, "raw_prompts", rows, MADE)
    shard, manifest = sorted(
        fetch(storage, root, "raw_prompts", tmp_path / "rows"), key=lambda path: path.suffix
    )[::-1]
    assert pq.read_table(shard).column("id").to_pylist() == ["p0", "p1", "p2"]
    read = Manifest.from_json(manifest.read_text(), at="manifest.json")
    assert read == open_manifest(storage, reference)


def has_a_file(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")


def is_a_file(folder: Path) -> None:
    folder.write_text("mine")


@pytest.mark.parametrize(
    ("prepare", "words"), [(has_a_file, "is not empty"), (is_a_file, "Not a directory")]
)
def test_what_lies_there_is_left_alone(
    storage: Storage,
    root: str,
    export: str,
    tmp_path: Path,
    prepare: Callable[[Path], None],
    words: str,
) -> None:
    folder = tmp_path / "mine"
    prepare(folder)
    with pytest.raises(UserError, match=words):
        fetch(storage, root, export, folder)
    kept = folder if folder.is_file() else folder / "mine.txt"
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("uri", ["export/label_studio", "exports/label_studio", "tasks"])
def test_what_was_never_published_is_named(
    storage: Storage, root: str, tmp_path: Path, uri: str
) -> None:
    with pytest.raises(DatasetError, match=r"has been published|is none of"):
        fetch(storage, root, uri, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_was_changed_in_s3_is_not_put_in_place(
    storage: Storage, root: str, export: str, tmp_path: Path
) -> None:
    storage.put_bytes(f"{parse_reference(export).prefix}/config.xml", b"<Gone/>")
    with pytest.raises(DatasetError, match="is not what was published"):
        fetch(storage, root, export, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
