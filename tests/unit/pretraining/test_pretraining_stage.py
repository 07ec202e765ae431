"""The stage on a real S3: a base model from documents, or one that is given."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import small_policy, small_tokenizer
from small_stages import published, published_folder, run_small

from components.core.dataset import download_folder, open_manifest
from components.core.errors import BadInput
from components.core.models import load_policy, save_model
from components.core.records import Document, Message
from components.core.storage import Storage
from components.core.tokens import DEFAULT_CHAT_TEMPLATE, encode_prompt, load_tokenizer
from components.pretraining.config import PretrainingConfig
from components.pretraining.stage import STAGE
from components.pretraining.tokenizer import encode_documents
from components.pretraining.training import document_loss

CONFIG = PretrainingConfig(
    vocabulary=290, hidden=16, layers=2, heads=2, positions=32, short_tokens=8, batch_tokens=64,
    steps=8, learning_rate=1e-2, checkpoint_every=3,
)  # fmt: skip
TRAIN = [f"the fig number {n} is red. the pear is at the lake." for n in range(20)]
DOCUMENTS = [
    *(Document(f"d{n}", text, "train") for n, text in enumerate(TRAIN)),
    Document("t0", "qqzz qqzz qqzz the fig is at the lake.", "test"),
    Document("v0", "wwxx wwxx wwxx the pear is red.", "validation"),
]


@pytest.fixture
def documents(storage: Storage, root: str) -> dict[str, Any]:
    return {"documents": published(storage, root, "pretraining", DOCUMENTS)}


def test_the_stage_publishes_a_policy_that_loads_anywhere(
    documents: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    outputs, tracker, lines = run_small(STAGE, CONFIG, documents, storage, root, tmp_path / "work")
    assert set(outputs.references) == {"policy"}
    manifest = open_manifest(storage, outputs.references["policy"])
    assert (manifest.kind, manifest.name) == ("policy", "base")
    folder = download_folder(storage, outputs.references["policy"], tmp_path / "policy")
    model, tokenizer = load_policy(folder), load_tokenizer(folder)
    assert model.config.vocab_size == len(tokenizer) <= 290
    assert model.config.max_position_embeddings == 32
    assert tokenizer.chat_template == DEFAULT_CHAT_TEMPLATE

    losses = json.loads(tracker.texts["losses.json"])["loss"]
    assert tracker.series("loss") == list(enumerate(losses, start=1))
    figures = outputs.headline
    assert figures["first_loss"] == losses[0]
    assert figures["loss"] == pytest.approx(sum(losses) / 8)
    assert figures["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert figures["tokens"] == sum(map(len, encode_documents(tokenizer, TRAIN)))
    held = encode_documents(tokenizer, [d.text for d in DOCUMENTS if d.split != "train"])
    assert figures["heldout_loss"] == pytest.approx(document_loss(model, held, 32), abs=1e-4)
    assert "progress pretraining 8/8 loss=" in lines
    assert outputs.page is not None


def test_held_out_documents_teach_neither_tokenizer_nor_model(
    documents: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    with_held, _, _ = run_small(STAGE, CONFIG, documents, storage, root, tmp_path / "with")
    only = [row for row in DOCUMENTS if row.split == "train"]
    documents["documents"] = published(storage, root, "pretraining", only)
    without, _, _ = run_small(STAGE, CONFIG, documents, storage, root, tmp_path / "without")
    assert with_held.references["policy"] == without.references["policy"]
    assert "heldout_loss" not in without.headline
    folder = download_folder(storage, without.references["policy"], tmp_path / "policy")
    assert not {"qq", "zz", "qqzz", "ww"} & set(load_tokenizer(folder).get_vocab())


def test_a_killed_stage_goes_on_and_publishes_the_same(
    documents: dict[str, Any], storage: Storage, root: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    whole, _, _ = run_small(STAGE, CONFIG, documents, storage, f"{root}/whole", tmp_path / "one")

    from components.core.checkpoint import Checkpoints

    save = Checkpoints.save

    def die(self: Checkpoints, step: int, *state: Any) -> None:
        save(self, step, *state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", die)
        with pytest.raises(KeyboardInterrupt):
            run_small(STAGE, CONFIG, documents, storage, root, tmp_path / "two")
    resumed, tracker, _ = run_small(STAGE, CONFIG, documents, storage, root, tmp_path / "three")
    assert [step for step, _ in tracker.series("loss")] == [4, 5, 6, 7, 8]
    digests = {o.references["policy"].partition("#")[2] for o in (whole, resumed)}
    assert len(digests) == 1


@pytest.mark.parametrize("start", ["gpt2", "copying"])
def test_both_starts_train(
    documents: dict[str, Any], storage: Storage, root: str, tmp_path: Path, start: str
) -> None:
    config = PretrainingConfig.from_mapping(CONFIG.model_dump() | {"start": start, "steps": 40})
    outputs, _, _ = run_small(STAGE, config, documents, storage, root, tmp_path / "work")
    assert outputs.headline["loss"] < outputs.headline["first_loss"] - 0.5


def test_without_training_documents_nothing_is_published(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rows = [Document("t", "a fig is a fig", "test")]
    inputs = {"documents": published(storage, root, "pretraining", rows)}
    with pytest.raises(BadInput, match="documents: "):
        run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")
    assert not list(storage.list(f"{root}/models/"))


# --- a model that is given


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A model folder as people have them: no pad token, no chat template."""
    tokenizer = small_tokenizer(pad=None)
    save_model(small_policy(vocab_size=len(tokenizer)), tokenizer, tmp_path / "given")
    return tmp_path / "given"


def check_given(storage: Storage, reference: str, given: Path, tmp_path: Path) -> None:
    assert open_manifest(storage, reference).kind == "policy"
    folder = download_folder(storage, reference, tmp_path / "policy")
    weights, others = load_policy(given).state_dict(), load_policy(folder).state_dict()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    tokenizer = load_tokenizer(folder)
    assert tokenizer.pad_token is not None
    ids = encode_prompt(tokenizer, [Message("user", "Name a fruit.")])
    assert tokenizer.decode(ids) == "Human: Name a fruit.\nAssistant:"


def test_a_folder_is_taken_as_it_is(
    documents: dict[str, Any], given: Path, storage: Storage, root: str, tmp_path: Path
) -> None:
    config = PretrainingConfig(model=str(given), system="mine")
    outputs, tracker, _ = run_small(STAGE, config, documents, storage, root, tmp_path / "work")
    assert open_manifest(storage, outputs.references["policy"]).name == "mine"
    check_given(storage, outputs.references["policy"], given, tmp_path)
    assert tracker.series("loss") == []
    assert set(outputs.headline) == {"parameters", "vocabulary"}


def test_a_published_policy_is_taken_as_it_is(
    documents: dict[str, Any], given: Path, storage: Storage, root: str, tmp_path: Path
) -> None:
    base = published_folder(storage, root, "policy", "theirs", given)
    inputs = documents | {"base": base}
    outputs, _, _ = run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")
    assert open_manifest(storage, outputs.references["policy"]).name == "base"
    check_given(storage, outputs.references["policy"], given, tmp_path)


def bare(folder: Path) -> Path:
    small_policy().save_pretrained(folder)
    return folder


def only_tokenizer(folder: Path) -> Path:
    small_tokenizer().save_pretrained(folder)
    return folder


def torn(folder: Path) -> Path:
    save_model(small_policy(), small_tokenizer(), folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    return folder


def incomplete(folder: Path) -> Path:
    """A layer more in the config than in the files: transformers would draw it at random."""
    save_model(small_policy(), small_tokenizer(), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_layer": 3}))
    return folder


BAD = [
    (bare, r"no tokenizer\.json; a model folder holds its tokenizer"),
    (only_tokenizer, r"no config\.json; expected a Hugging Face model folder"),
    (torn, "the model cannot be loaded"),
    (
        incomplete,
        r"12 weights of the model in config\.json are in no file, the first is tr",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_a_folder_that_is_no_model_is_named(
    make: Any, message: str, storage: Storage, root: str, tmp_path: Path
) -> None:
    config = PretrainingConfig(model=str(make(tmp_path / "broken")))
    with pytest.raises(BadInput, match=f"broken: {message}"):
        run_small(STAGE, config, {}, storage, root, tmp_path / "work")
    reference = published_folder(storage, root, "policy", "broken", tmp_path / "broken")
    with pytest.raises(BadInput, match=message):
        run_small(STAGE, CONFIG, {"base": reference}, storage, root, tmp_path / "again")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./nowhere", r"pretraining\.model: no folder \./nowhere"),
        ("/nowhere/at/all", r"pretraining\.model: no folder /nowhere/at/all"),
        ("nobody/has-this-one", "'nobody/has-this-one' is no folder and cannot be fetched"),
        ("not a name", "'not a name' is no folder and cannot be fetched"),
    ],
)
def test_a_model_that_is_not_there_is_named(
    model: str, message: str, storage: Storage, root: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=message):
        run_small(STAGE, PretrainingConfig(model=model), {}, storage, root, tmp_path / "work")
