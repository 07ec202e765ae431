"""The stage on a real S3: what it takes, what it publishes, what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_models import small_policy, small_tokenizer
from small_stages import published, published_folder, run_small

from components.core.dataset import download_folder, open_manifest
from components.core.errors import BadInput
from components.core.models import load_policy, save_model
from components.core.records import Demonstration, Document, Message
from components.core.storage import Storage
from components.core.tokens import load_tokenizer
from components.sft.config import SftConfig
from components.sft.rows import build_rows
from components.sft.stage import STAGE
from components.sft.training import response_loss

CONFIG = SftConfig(
    epochs=3, batch_size=4, learning_rate=3e-3, max_tokens=48, pretraining_mix=0.5,
    validation_fraction=0.2, checkpoint_every=2,
)  # fmt: skip
DEMONSTRATIONS = [
    *(Demonstration(f"d{n}", "l0", (Message("user", f"Fruit {n}?"),), "a fig") for n in range(10)),
    Demonstration("long", "l1", (Message("user", "Name many fruits."),), "a pear " * 100),
]
DOCUMENTS = [Document(f"t{n}", f"a pear and a fig {n}", "train") for n in range(4)]


@pytest.fixture
def inputs(storage: Storage, root: str, tmp_path: Path) -> dict[str, Any]:
    tokenizer = small_tokenizer()
    save_model(small_policy(vocab_size=len(tokenizer), positions=96), tokenizer, tmp_path / "base")
    return {
        "base": published_folder(storage, root, "policy", "base", tmp_path / "base"),
        "demonstrations": published(storage, root, "demonstrations", DEMONSTRATIONS),
        "pretraining": published(storage, root, "pretraining", DOCUMENTS),
    }


def test_the_stage_publishes_the_policy_that_validated_best(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    outputs, tracker, lines = run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")
    assert set(outputs.references) == {"policy"}
    manifest = open_manifest(storage, outputs.references["policy"])
    assert (manifest.kind, manifest.name) == ("policy", "sft")
    folder = download_folder(storage, outputs.references["policy"], tmp_path / "policy")
    model, tokenizer = load_policy(folder), load_tokenizer(folder)
    assert tokenizer.get_vocab() == load_tokenizer(tmp_path / "base").get_vocab()

    figures = outputs.headline
    held = build_rows(
        tokenizer, DEMONSTRATIONS, [], limit=48, validation_fraction=0.2, seed=CONFIG.seed
    )
    assert (len(held.train), len(held.validation), held.too_long) == (8, 2, 1)
    counted = ("demonstrations", "validation_demonstrations", "too_long")
    assert [figures[name] for name in counted] == [8, 2, 1]
    loss = response_loss(model, held.validation, CONFIG, tokenizer.pad_token_id)
    assert figures["validation_loss"] == pytest.approx(loss, abs=1e-5)
    assert loss < figures["base_validation_loss"]

    history = json.loads(tracker.texts["losses.json"])
    assert tracker.series("loss") == list(enumerate(history["loss"], start=1))
    assert [value for _, value in tracker.series("validation_loss")] == history["validation"][1:]
    assert figures["first_loss"] == history["loss"][0]
    assert history["validation"][int(figures["best_epoch"])] == figures["validation_loss"]
    assert "progress sft 6/6 loss=" in lines
    assert outputs.page is not None
    assert "Supervised tuning" in outputs.page


def test_a_killed_stage_goes_on_and_publishes_the_same(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    whole, _, _ = run_small(STAGE, CONFIG, inputs, storage, f"{root}/whole", tmp_path / "one")

    from components.core.checkpoint import Checkpoints

    save = Checkpoints.save

    def die(self: Checkpoints, step: int, *state: Any) -> None:
        save(self, step, *state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", die)
        with pytest.raises(KeyboardInterrupt):
            run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "two")
    resumed, tracker, _ = run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "three")
    assert [step for step, _ in tracker.series("loss")] == [3, 4, 5, 6]
    digests = {o.references["policy"].partition("#")[2] for o in (whole, resumed)}
    assert len(digests) == 1


def test_documents_are_needed_only_for_a_mix(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    del inputs["pretraining"]
    with pytest.raises(BadInput, match=r"pretraining: not given, but sft\.pretraining_mix is 0\.5"):
        run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "a")
    plain = CONFIG.model_copy(update={"pretraining_mix": 0.0, "system": "tuned", "epochs": 1})
    outputs, _, _ = run_small(STAGE, plain, inputs, storage, root, tmp_path / "b")
    assert open_manifest(storage, outputs.references["policy"]).name == "tuned"


def test_a_mix_without_a_document_to_train_on_is_named(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    held_out = [Document("t", "a pear and a fig", "test")]
    inputs["pretraining"] = published(storage, root, "pretraining", held_out)
    with pytest.raises(BadInput, match=r"pretraining: no document with split train"):
        run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")


def test_a_limit_beyond_the_models_positions_is_the_models(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    long = CONFIG.model_copy(update={"max_tokens": 5000, "epochs": 1})
    outputs, _, _ = run_small(STAGE, long, inputs, storage, root, tmp_path / "work")
    assert outputs.headline["too_long"] == 1


def test_a_base_without_a_tokenizer_is_named(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    small_policy().save_pretrained(tmp_path / "bare")
    inputs["base"] = published_folder(storage, root, "policy", "bare", tmp_path / "bare")
    with pytest.raises(BadInput, match=r"no tokenizer\.json; a model folder holds its tokenizer"):
        run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")
