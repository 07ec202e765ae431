import pytest
from small_models import small_policy, small_tokenizer
from small_stages import published, published_folder, run_small

from components.core.dataset import download_folder, open_manifest
from components.core.errors import BadInput
from components.core.models import load_reward_model, save_model, score
from components.core.records import Demonstration, Message, Output, Ranking
from components.core.tokens import collate, encode_prompt, encode_response, load_tokenizer
from components.reward_model.config import RewardModelConfig
from components.reward_model.stage import STAGE

CONFIG = RewardModelConfig(batch_size=8, epochs=12, learning_rate=1e-2)
WORDS = ["no", "fig", "a fig", "a pear and a fig"]


def ranking(number, split="train", group="training", labeler="l0"):
    """Longer answers are better here."""
    return Ranking(
        id=f"r{number}-{labeler}",
        prompt_id=f"p{number}",
        split=split,
        messages=(Message("user", f"Name a fruit, number {number}."),),
        outputs=tuple(Output(f"o{i}", text, "sft") for i, text in enumerate(WORDS)),
        ranks=(3, 2, 2, 1),
        labeler=labeler,
        labeler_group=group,
    )


RANKINGS = [
    *(ranking(number) for number in range(24)),
    *(ranking(number, split="validation") for number in range(24, 30)),
    *(ranking(n, split="validation", group="heldout", labeler="h0") for n in range(24, 30)),
]
DEMONSTRATIONS = [
    Demonstration(f"d{n}", "l0", (Message("user", f"Name a fruit, number {n}."),), "a fig")
    for n in range(5)
]


@pytest.fixture
def inputs(storage, root, tmp_path):
    tokenizer = small_tokenizer()
    policy = small_policy(vocab_size=len(tokenizer), positions=96)
    save_model(policy, tokenizer, tmp_path / "sft")
    return {
        "policy": published_folder(storage, root, "policy", "sft", tmp_path / "sft"),
        "demonstrations": published(storage, root, "demonstrations", DEMONSTRATIONS),
        "rankings": published(storage, root, "rankings", RANKINGS),
    }


def test_the_stage_publishes_a_centred_reward_model(inputs, storage, root, tmp_path):
    outputs, tracker, lines = run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")
    reference = outputs.references["reward_model"]
    assert open_manifest(storage, reference).name == "reward_model"
    folder = download_folder(storage, reference, tmp_path / "rm")
    model, tokenizer = load_reward_model(folder), load_tokenizer(folder)
    rows = [
        (encode_prompt(tokenizer, d.messages), encode_response(tokenizer, d.completion))
        for d in DEMONSTRATIONS
    ]
    scores = score(model, collate(rows, tokenizer.pad_token_id)).detach()
    assert float(scores.mean()) == pytest.approx(0, abs=1e-4)
    figures = outputs.headline
    assert figures["accuracy"] > 0.9
    assert figures["accuracy_heldout_labelers"] > 0.9
    assert (figures["rankings"], figures["outputs"], figures["accuracy_pairs"]) == (24, 96, 30)
    assert [step for step, _ in tracker.series("loss")] == list(range(1, 37))
    assert "progress reward_model 36/36 loss=" in lines
    assert outputs.page is not None
    assert "Reward model" in outputs.page
    assert not list(storage.list(f"{root}/checkpoints/"))


def test_rankings_without_a_pair_are_an_error_that_counts_them(inputs, storage, root, tmp_path):
    ties = [Ranking(**{**vars_of(ranking(n)), "ranks": (1, 1, 1, 1)}) for n in range(3)]
    inputs["rankings"] = published(storage, root, "rankings", ties)
    with pytest.raises(BadInput, match="rankings_without_pair: "):
        run_small(STAGE, CONFIG, inputs, storage, root, tmp_path / "work")


def vars_of(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
