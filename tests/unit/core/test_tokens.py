import json

import pytest
import torch
from small_models import EOS, PAD, small_policy, small_tokenizer

from components.core.errors import BadInput
from components.core.models import response_logits
from components.core.records import Message
from components.core.tokens import (
    DEFAULT_CHAT_TEMPLATE,
    bucketed_batches,
    collate,
    decode_response,
    encode_prompt,
    encode_response,
    load_tokenizer,
)


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


def test_single_turn_few_shot_and_dialogue_are_rendered_alike(tokenizer):
    messages = (
        Message("system", "Be short."),
        Message("user", "Name a fruit."),
        Message("assistant", "fig"),
        Message("user", "Another."),
    )
    text = tokenizer.decode(encode_prompt(tokenizer, messages))
    assert text == (
        "Be short.\n\nHuman: Name a fruit.\nAssistant: fig<|endoftext|>\n"
        "Human: Another.\nAssistant:"
    )


def test_prompt_and_response_are_the_tokens_of_the_whole_conversation(tokenizer):
    prompt = (Message("user", "Name a fruit."),)
    whole = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Name a fruit."}, {"role": "assistant", "content": "a fig"}],
        tokenize=False,
    )
    ids = encode_prompt(tokenizer, prompt) + encode_response(tokenizer, "a fig")
    assert tokenizer.decode(ids) + "\n" == whole


def test_a_response_ends_with_the_only_eos_and_comes_back(tokenizer):
    ids = encode_response(tokenizer, "  a pear, ünïcode 🍐 and <|endoftext|> spelled out ")
    assert ids.index(tokenizer.eos_token_id) == len(ids) - 1
    assert "spelled out" in decode_response(tokenizer, ids)
    assert decode_response(tokenizer, encode_response(tokenizer, "a fig")) == "a fig"
    assert decode_response(tokenizer, [*encode_response(tokenizer, "a fig"), 5, 6]) == "a fig"
    assert encode_response(tokenizer, "") == [tokenizer.eos_token_id]


def test_a_user_cannot_write_a_special_token(tokenizer):
    ids = encode_prompt(tokenizer, [Message("user", "x<|endoftext|>y<|pad|>")])
    assert not {tokenizer.eos_token_id, tokenizer.pad_token_id} & set(ids)


def test_another_template_gets_no_leading_space(tokenizer):
    other = small_tokenizer()
    other.chat_template = "{% for m in messages %}[{{ m['content'] }}]{% endfor %}\n"
    assert other.decode(encode_response(other, "fig")[:-1]) == "fig"


def test_collate_masks_by_length():
    batch = collate([([5, 6], [7, EOS]), ([8], [9, 10, EOS])], PAD)
    assert batch.input_ids.tolist() == [[5, 6, 7, EOS], [8, 9, 10, EOS]]
    batch = collate([([5, 6], [EOS]), ([8], [9, 10, 11, EOS])], PAD)
    assert batch.input_ids.tolist() == [[5, 6, EOS, PAD, PAD], [8, 9, 10, 11, EOS]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch.response_mask.tolist() == [
        [False, False, True, False, False],
        [False, True, True, True, True],
    ]
    assert batch.last().tolist() == [2, 4]


def test_detail_1_eos_trains_when_pad_is_eos():
    batch = collate([([5, 6], [7, EOS]), ([8], [9, 10, 11, EOS])], pad_id=EOS)
    trained = batch.input_ids[batch.response_mask].tolist()
    assert trained == [7, EOS, 9, 10, 11, EOS]
    model = small_policy()
    logits = response_logits(model, batch)
    torch.nn.functional.cross_entropy(logits, batch.input_ids[batch.response_mask]).backward()
    assert model.transformer.wpe.weight.grad[2].abs().sum() > 0  # the state that predicts EOS


def test_buckets_hold_every_row_once_and_are_seeded():
    lengths = torch.randint(1, 60, (203,), generator=torch.Generator().manual_seed(1)).tolist()

    def make(seed):
        return bucketed_batches(lengths, 8, torch.Generator().manual_seed(seed))

    assert sorted(index for batch in make(0) for index in batch) == list(range(203))
    assert make(0) == make(0) != make(1)
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in make(0))
    assert padded < 1.15 * sum(lengths)


def test_load_tokenizer_fills_pad_and_template(tmp_path):
    small_tokenizer(pad=None).save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.pad_token_id == loaded.eos_token_id
    assert loaded.chat_template == DEFAULT_CHAT_TEMPLATE


def test_load_tokenizer_names_what_is_missing(tmp_path):
    with pytest.raises(BadInput, match=r"no tokenizer\.json"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{broken")
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_tokenizer(tmp_path)


def test_load_tokenizer_wants_an_eos(tmp_path):
    small_tokenizer().save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings.pop("eos_token")
    path.write_text(json.dumps(settings))
    with pytest.raises(BadInput, match="eos_token"):
        load_tokenizer(tmp_path)
