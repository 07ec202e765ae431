import pytest
import torch
from small_models import EOS, PAD, random_rows, small_policy

from components.core.errors import BadInput
from components.core.models import response_logits
from components.core.objectives import token_logprobs
from components.core.sampling import sample
from components.core.tokens import collate


def draw(model, prompts, seed=0, **changes):
    settings = {"max_new_tokens": 12, "temperature": 1.0, "eos_id": EOS, "pad_id": PAD} | changes
    return sample(model, prompts, generator=torch.Generator().manual_seed(seed), **settings)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_details_5_and_6_logprobs_are_those_of_a_plain_forward_at_the_temperature(temperature):
    model, prompts = small_policy(), random_rows(20, 2, 14)
    completions = draw(model, prompts, temperature=temperature)
    assert {len(c.tokens) for c in completions} != {12}  # some rows ended, and left the batch
    batch = collate([(p, c.tokens) for p, c in zip(prompts, completions, strict=True)], PAD)
    tokens = batch.input_ids[batch.response_mask]
    with torch.no_grad():
        again = token_logprobs(response_logits(model, batch), tokens, temperature)
    drawn = torch.tensor([value for c in completions for value in c.logprobs])
    torch.testing.assert_close(drawn, again, atol=2e-5, rtol=1e-5)


def test_greedy_equals_a_plain_loop_without_cache():
    model, prompts = small_policy(), random_rows(6, 2, 9)
    for prompt, completion in zip(prompts, draw(model, prompts, temperature=0), strict=True):
        ids = list(prompt)
        for _ in range(12):
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == EOS:
                break
        assert completion.tokens == ids[len(prompt) :]


def test_a_row_ends_at_its_first_eos():
    for completion in draw(small_policy(), random_rows(64, 2, 5)):
        assert EOS not in completion.tokens[:-1]
        assert completion.tokens[-1] == EOS or len(completion.tokens) == 12
        assert len(completion.tokens) == len(completion.logprobs)


def test_detail_7_fixed_length_ignores_the_generation_config():
    model = small_policy()
    assert model.generation_config.eos_token_id == EOS
    completions = draw(model, random_rows(64, 2, 5), eos_id=None)
    assert all(len(c.tokens) == 12 for c in completions)
    assert any(EOS in c.tokens[:-1] for c in completions)


def test_same_seed_same_draw_other_seed_other_draw():
    model, prompts = small_policy(), random_rows(8, 2, 9)
    assert draw(model, prompts, seed=1) == draw(model, prompts, seed=1)
    assert draw(model, prompts, seed=1) != draw(model, prompts, seed=2)


def test_frequencies_follow_the_distribution():
    model = small_policy()
    prompt = [5, 9, 11]
    with torch.no_grad():
        expected = model(torch.tensor([prompt])).logits[0, -1].softmax(0)
    completions = draw(model, [prompt] * 4000, max_new_tokens=1, eos_id=None)
    counts = torch.bincount(torch.tensor([c.tokens[0] for c in completions]), minlength=48)
    error = (counts / 4000 - expected).abs()
    assert (error < 4.5 * (expected * (1 - expected) / 4000).sqrt() + 1e-3).all()


def test_detail_9_dropout_is_off_while_sampling_and_comes_back():
    model = small_policy()
    prompts = random_rows(8, 2, 9)
    expected = draw(model, prompts)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    model.train()
    assert draw(model, prompts) == expected
    assert model.training


def test_too_long_a_prompt_is_named_before_it_breaks():
    with pytest.raises(BadInput, match=r"a prompt of 60 tokens and 12 new ones.*64 positions"):
        draw(small_policy(), random_rows(1, 60, 60))


def test_other_architectures_sample_through_the_same_cache():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=48, hidden_size=16, intermediate_size=16, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
            initializer_range=0.4,
        )
    ).eval()  # fmt: skip
    prompts = random_rows(10, 2, 9)
    completions = draw(model, prompts)
    batch = collate([(p, c.tokens) for p, c in zip(prompts, completions, strict=True)], PAD)
    with torch.no_grad():
        again = token_logprobs(response_logits(model, batch), batch.input_ids[batch.response_mask])
    drawn = torch.tensor([value for c in completions for value in c.logprobs])
    torch.testing.assert_close(drawn, again, atol=2e-5, rtol=1e-5)
