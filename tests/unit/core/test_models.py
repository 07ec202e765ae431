import pytest
import torch
from small_models import EOS, PAD, random_rows, small_policy, small_reward_model, small_tokenizer
from transformers import (
    AutoModelForSequenceClassification,
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
)

from components.core.errors import BadInput
from components.core.models import (
    ValueModel,
    hidden_states,
    load_policy,
    load_reward_model,
    positions,
    response_logits,
    reward_bias,
    reward_from_policy,
    save_model,
    score,
    set_reward_bias,
)
from components.core.tokens import collate


def pairs(count, seed=0):
    prompts, responses = random_rows(count, 3, 9, seed), random_rows(count, 1, 7, seed + 1)
    return [(p, [*r, EOS]) for p, r in zip(prompts, responses, strict=True)]


def test_new_gpt2_is_a_function_of_its_generator_and_leaves_the_global_one():
    before = torch.get_rng_state()
    one, same, other = small_policy(3), small_policy(3), small_policy(4)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.transformer.wte.weight, same.transformer.wte.weight)
    assert not torch.equal(one.transformer.wte.weight, other.transformer.wte.weight)
    assert positions(one) == 64


def test_an_architecture_without_a_limit_of_positions_is_named():
    config = BloomConfig(vocab_size=20, hidden_size=8, n_layer=1, n_head=2)
    with pytest.raises(BadInput, match=r"BloomForCausalLM.*max_position_embeddings"):
        positions(BloomForCausalLM(config))


def test_response_logits_are_the_rows_of_the_whole_forward():
    model = small_policy()
    batch = collate(pairs(5), PAD)
    with torch.no_grad():
        whole = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
        flat = response_logits(model, batch)
    expected = whole[:, :-1][batch.response_mask[:, 1:]]
    torch.testing.assert_close(flat, expected)


def test_detail_5_left_and_right_padding_change_nothing():
    model = small_policy()
    row = random_rows(1, 9, 9)[0]
    plain = hidden_states(model, torch.tensor([row]))
    right = hidden_states(model, torch.tensor([[*row, PAD, PAD, PAD]]))[:, :9]
    torch.testing.assert_close(right, plain)
    ids = torch.tensor([[PAD, PAD, PAD, *row]])
    mask = (torch.arange(12) >= 3).long()[None]
    left = hidden_states(model, ids, mask, (mask.cumsum(1) - 1).clamp(min=0))[:, 3:]
    torch.testing.assert_close(left, plain)


def test_detail_15_the_reward_head_starts_small_and_unbiased(tmp_path):
    small_policy(hidden=255, heads=5).save_pretrained(tmp_path)
    heads = [
        reward_from_policy(tmp_path, torch.Generator().manual_seed(seed)).score.weight
        for seed in range(8)
    ]
    assert float(torch.cat(heads).detach().std()) == pytest.approx(
        1 / 16, rel=0.05
    )  # 1 / sqrt(255 + 1)
    model = reward_from_policy(tmp_path, torch.Generator().manual_seed(0))
    assert reward_bias(model) == 0.0
    assert torch.equal(model.score.weight, heads[0])


def test_the_score_is_read_at_the_last_real_token(tmp_path):
    model = small_reward_model(tmp_path)
    rows = pairs(6)
    with torch.no_grad():
        together = score(model, collate(rows, PAD))
        apart = torch.cat([score(model, collate([row], PAD)) for row in rows])
        with_eos_as_pad = score(model, collate(rows, EOS))
    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(with_eos_as_pad, apart)
    set_reward_bias(model, 2.5)
    with torch.no_grad():
        torch.testing.assert_close(score(model, collate(rows, PAD)), together + 2.5)


def test_a_saved_reward_model_loads_anywhere_and_keeps_its_bias(tmp_path):
    model = small_reward_model(tmp_path / "policy")
    set_reward_bias(model, -0.75)
    save_model(model, small_tokenizer(), tmp_path / "rm")
    batch = collate(pairs(4), PAD)
    loaded = load_reward_model(tmp_path / "rm")
    elsewhere = AutoModelForSequenceClassification.from_pretrained(tmp_path / "rm")
    with torch.no_grad():
        expected = score(model, batch)
        torch.testing.assert_close(score(loaded, batch), expected)
        plain = elsewhere(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    torch.testing.assert_close(plain.squeeze(1) + elsewhere.config.reward_bias, expected)


def test_a_policy_is_not_a_reward_model(tmp_path):
    small_policy().save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="reward_bias is missing"):
        load_reward_model(tmp_path)


def test_the_value_model_starts_as_the_reward_model(tmp_path):
    model = small_reward_model(tmp_path)
    set_reward_bias(model, 0.5)
    batch = collate(pairs(5), PAD)
    value = ValueModel(model)
    with torch.no_grad():
        values = value(batch)
        rows = torch.arange(5)
        torch.testing.assert_close(values[rows, batch.last()], score(model, batch))
        flat = value.response_values(batch)
    torch.testing.assert_close(flat, values[:, :-1][batch.response_mask[:, 1:]])


def test_folders_without_a_model_are_named(tmp_path):
    with pytest.raises(BadInput, match=r"no config\.json"):
        load_policy(tmp_path)
    GPT2Config().save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_policy(tmp_path)


def test_load_policy_refuses_logits_that_are_capped_behind_the_output_layer(tmp_path):
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(
        vocab_size=40, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, head_dim=8, final_logit_softcapping=0.01,
    )  # fmt: skip
    Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="scaled or capped"):
        load_policy(tmp_path)


def test_save_and_load_keep_every_weight(tmp_path):
    model = small_policy()
    save_model(model, small_tokenizer(), tmp_path)
    loaded = load_policy(tmp_path)
    assert not loaded.training
    for (name, weight), (_, other) in zip(
        model.named_parameters(), loaded.named_parameters(), strict=True
    ):
        assert torch.equal(weight, other), name


def test_the_activation_is_gpt2s_within_its_approximation():
    x = torch.linspace(-4, 4, 50)
    expected = 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    found = small_policy().transformer.h[0].mlp.act(x)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
