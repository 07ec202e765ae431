import json

import pytest
import torch
from small_models import small_policy, small_tokenizer
from small_stages import prompt, published, published_folder, run_small

from components.core.dataset import download_folder, open_manifest, read_records
from components.core.errors import BadInput
from components.core.models import load_policy, reward_from_policy, save_model
from components.core.records import Document, Sample
from components.core.tokens import load_tokenizer
from components.ppo.config import PPOConfig
from components.ppo.stage import STAGE

CONFIG = PPOConfig(
    iterations=5, batch_size=8, minibatch_size=4, max_new_tokens=6, sample_every=2,
    sample_prompts=3, ptx_coefficient=0.5, ptx_examples_per_episode=0.5, learning_rate=1e-3,
    checkpoint_every=2,
)  # fmt: skip
PROMPTS = [
    *(prompt(n, "train") for n in range(10)),
    *(prompt(n, "validation") for n in range(10, 15)),
    prompt(20, "test"),
    prompt(21, "train", "far too long " * 60),
]


@pytest.fixture
def inputs(storage, root, tmp_path):
    tokenizer = small_tokenizer()
    policy = small_policy(vocab_size=len(tokenizer), positions=96)
    save_model(policy, tokenizer, tmp_path / "sft")
    reward_model = reward_from_policy(tmp_path / "sft", torch.Generator().manual_seed(0))
    save_model(reward_model, tokenizer, tmp_path / "rm")
    documents = [
        Document(f"d{n}", "a pear and a fig " * n, "test" if n == 3 else "train")
        for n in range(1, 6)
    ]
    return {
        "policy": published_folder(storage, root, "policy", "sft", tmp_path / "sft"),
        "reward_model": published_folder(storage, root, "reward_model", "rm", tmp_path / "rm"),
        "prompts": published(storage, root, "prompts", PROMPTS),
        "pretraining": published(storage, root, "pretraining", documents),
    }


def test_the_stage_publishes_policy_samples_and_history(inputs, storage, root, tmp_path):
    outputs, tracker, lines = run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")
    assert set(outputs.references) == {"policy", "samples", "history"}
    assert open_manifest(storage, outputs.references["policy"]).name == "ppo_ptx"
    folder = download_folder(storage, outputs.references["policy"], tmp_path / "policy")
    assert load_policy(folder).config.vocab_size == len(load_tokenizer(folder))

    samples = list(read_records(storage, outputs.references["samples"], Sample))
    assert [s.iteration for s in samples] == [0] * 3 + [2] * 3 + [4] * 3 + [5] * 3
    watched = {s.prompt_id for s in samples}
    assert len(watched) == 3
    assert watched <= {f"p{n}" for n in range(10, 15)}
    assert {s.system for s in samples} == {"ppo_ptx"}

    folder = download_folder(storage, outputs.references["history"], tmp_path / "history")
    history = json.loads((folder / "history.json").read_text())
    assert history["iteration"] == [1, 2, 3, 4, 5]
    for name in ("kl", "reward", "ptx_loss"):
        assert tracker.series(name) == list(enumerate(history[name], start=1))

    assert outputs.headline["updates"] == 10
    assert outputs.headline["prompts"] == 10
    assert outputs.headline["prompts_too_long"] == 1
    assert "progress ppo 5/5 reward=" in lines
    assert not list(storage.list(f"{root}/checkpoints/"))


def test_plain_ppo_needs_no_documents_and_ptx_does(inputs, storage, root, tmp_path):
    del inputs["pretraining"]
    with pytest.raises(BadInput, match=r"pretraining: not given.*ptx_coefficient is 0\.5"):
        run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "a")
    plain = CONFIG.model_copy(update={"ptx_coefficient": 0.0, "system": "ppo"})
    outputs, tracker, _ = run_small(STAGE, plain, inputs, storage, root, tmp_path / "b")
    assert "ptx_loss" not in tracker.series("ptx_loss")
    assert "ptx_loss" not in outputs.headline
    assert open_manifest(storage, outputs.references["policy"]).name == "ppo"


def test_a_reward_model_with_another_tokenizer_is_named(inputs, storage, root, tmp_path):
    other = small_tokenizer()
    other.add_tokens(["pineapple"])
    model = reward_from_policy(tmp_path / "sft", torch.Generator().manual_seed(0))
    save_model(model, other, tmp_path / "other")
    inputs["reward_model"] = published_folder(
        storage, root, "reward_model", "other", tmp_path / "other"
    )
    with pytest.raises(BadInput, match="tokenizer or chat template differs"):
        run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_missing_split_is_named(inputs, storage, root, tmp_path, split):
    rest = [row for row in PROMPTS if row.split != split]
    inputs["prompts"] = published(storage, root, "prompts", rest)
    with pytest.raises(BadInput, match=f"no {split} prompt"):
        run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")
