"""The sampler against ``generate`` of transformers, and packed outputs against one row each."""

import time

import pytest
import torch
from small_models import EOS, PAD, random_rows, small_policy

from components.core.models import reward_from_policy
from components.core.sampling import sample
from components.reward_model.comparisons import Comparison
from components.reward_model.config import RewardModelConfig
from components.reward_model.training import train_reward_model

pytestmark = pytest.mark.benchmark


def policy():
    return small_policy(vocab_size=640, positions=160, hidden=64, heads=4, initializer_range=0.09)


def policy_that_ends():
    """Ends one response in twelve at each token, as tuned policies do; lengths vary widely."""
    model = policy()
    with torch.no_grad():
        direction = model.transformer.wte.weight[EOS]
        model.transformer.ln_f.bias += 3.6 * direction / direction.square().sum()
    return model


def cpu_seconds(work, times=3):
    work()
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def test_sampling_is_faster_than_generate(capsys):
    model, prompts = policy_that_ends(), random_rows(128, 20, 40)
    width = max(map(len, prompts))
    ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts])
    mask = (ids != PAD).long()

    def ours():
        sample(
            model, prompts, max_new_tokens=48, temperature=1.0, eos_id=EOS, pad_id=PAD,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip

    def theirs():
        model.generate(
            ids, attention_mask=mask, max_new_tokens=48, do_sample=True, top_k=0,
            pad_token_id=PAD, return_dict_in_generate=True, output_scores=True,
        )  # fmt: skip

    one, other = cpu_seconds(ours), cpu_seconds(theirs)
    with capsys.disabled():
        print(f"\nsampling 128 responses: {one:.3f} s; generate: {other:.3f} s")
    assert other > 1.3 * one


def test_packing_is_faster_than_a_row_an_output(tmp_path, capsys):
    policy().save_pretrained(tmp_path)
    comparisons = []
    for number, prompt in enumerate(random_rows(96, 20, 40)):
        outputs = random_rows(4 + number % 6, 4, 20, seed=number)
        ranks = list(range(1, len(outputs) + 1))
        comparisons.append(Comparison(str(number), prompt, [[*o, EOS] for o in outputs], ranks))

    def train(packed):
        model = reward_from_policy(tmp_path, torch.Generator().manual_seed(0))
        config = RewardModelConfig(batch_size=12, learning_rate=1e-3, pack_outputs=packed)
        return lambda: train_reward_model(model, comparisons, config, pad_id=PAD)

    one, other = cpu_seconds(train(True), 1), cpu_seconds(train(False), 1)
    with capsys.disabled():
        print(f"\n96 rankings of 4 to 9 outputs: packed {one:.3f} s; rows {other:.3f} s")
    assert other > 1.5 * one
