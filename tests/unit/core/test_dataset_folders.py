from pathlib import Path

import pytest
from dataset_rows import MADE, prompts, publish

from components.core import dataset
from components.core.dataset import DatasetError, Provenance
from components.core.manifest import File, parse_reference, pointer
from components.core.records import Score
from components.core.storage import Storage


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer" / "vocab.txt").write_text("a b c")
    return folder


def test_folder_comes_back_whole(storage: Storage, root: str, model: Path, tmp_path: Path) -> None:
    reference = dataset.publish_folder(storage, root, "policy", "sft", model, MADE)
    assert reference.startswith(f"{root}/models/sft/")
    assert reference == dataset.publish_folder(storage, root, "policy", "sft", model, MADE)
    rm = dataset.publish_folder(storage, root, "reward_model", "sft", model, MADE)
    assert rm != reference
    back = dataset.download_folder(storage, reference, tmp_path / "in")
    assert (back / "tokenizer" / "vocab.txt").read_text() == "a b c"
    assert sorted(p.name for p in back.rglob("*")) == ["config.json", "tokenizer", "vocab.txt"]
    assert dataset.download_folder(storage, reference, tmp_path / "in") == back
    assert [p.name for p in (tmp_path / "in").iterdir()] == [back.name]


def test_changed_folder_is_not_left_on_disk(
    storage: Storage, root: str, model: Path, tmp_path: Path
) -> None:
    reference = dataset.publish_folder(storage, root, "policy", "sft", model, MADE)
    storage.put_bytes(parse_reference(reference).prefix + "/tokenizer/vocab.txt", b"a b d")
    with pytest.raises(DatasetError, match=r"vocab\.txt: is not what was published"):
        dataset.download_folder(storage, reference, tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


def test_empty_folder_is_refused(storage: Storage, root: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no files"):
        dataset.publish_folder(storage, root, "report", "r", tmp_path, MADE)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../b", "manifest.json", ".", "a//b"])
def test_manifest_cannot_name_files_elsewhere(path: str) -> None:
    with pytest.raises(ValueError, match="plain relative path"):
        File(path=path, size=0, sha256="0" * 64)


def test_resolve_takes_what_people_write(storage: Storage, root: str, model: Path) -> None:
    publish(storage, root, prompts(4))
    rows = publish(storage, root, prompts(5))
    policy = dataset.publish_folder(storage, root, "policy", "sft", model, MADE)
    prefix = parse_reference(rows).prefix
    for text in (rows, prefix, f"{prefix}/", "raw_prompts", "raw_prompts@latest"):
        assert dataset.resolve(storage, root, text) == rows
    assert dataset.resolve(storage, root, "dataset/raw_prompts") == rows
    assert dataset.resolve(storage, root, "policy/sft") == policy
    assert dataset.resolve_latest(storage, root, "policy", "sft") == policy
    with pytest.raises(DatasetError, match="kind 'poem' is none of"):
        dataset.resolve(storage, root, "poem/x")
    with pytest.raises(DatasetError, match="no reward_model 'sft' has been published"):
        dataset.resolve(storage, root, "reward_model/sft")


def test_publishing_old_content_again_makes_it_the_latest(storage: Storage, root: str) -> None:
    old = publish(storage, root, prompts(4))
    publish(storage, root, prompts(5))
    publish(storage, root, prompts(4))
    assert dataset.resolve(storage, root, "raw_prompts") == old


def test_latest_that_was_deleted_is_told(storage: Storage, root: str) -> None:
    reference = publish(storage, root, prompts(4))
    storage.delete([parse_reference(reference).prefix + "/manifest.json"])
    with pytest.raises(DatasetError, match="nothing is published here"):
        dataset.resolve(storage, root, "raw_prompts")
    assert storage.get_bytes(pointer(root, "dataset", "raw_prompts")).decode() == reference


def test_lineage_walks_all_ancestors_and_survives_deleted_ones(
    storage: Storage, root: str, model: Path
) -> None:
    raw = publish(storage, root, prompts(4))
    made = Provenance(parents=(raw,))
    scores = dataset.publish_records(storage, root, "scores", [Score("a", 1.0)], made)
    made = Provenance(parents=(raw, scores))
    policy = dataset.publish_folder(storage, root, "policy", "sft", model, made)
    node = dataset.lineage(storage, policy)
    assert [parent.reference for parent in node.parents] == [raw, scores]
    assert [n.reference for n in node.walk()] == [policy, raw, scores]

    storage.delete([parse_reference(raw).prefix + "/manifest.json"])
    first = dataset.lineage(storage, policy).parents[0]
    assert first.manifest is None
    assert "nothing is published here" in first.problem
    with pytest.raises(DatasetError):
        dataset.lineage(storage, raw)
