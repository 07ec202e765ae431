import pytest
import torch
from small_models import small_tokenizer

from components.core.errors import BadInput
from components.core.records import Demonstration, Message, Output, Ranking
from components.core.tokens import decode_response
from components.reward_model.comparisons import (
    encode_demonstrations,
    encode_rankings,
    split_rankings,
)


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


def ranking(number, texts=("fig", "pear", "plum"), ranks=(1, 2, 3), **changes):
    fields = {
        "id": f"r{number}",
        "prompt_id": f"p{number}",
        "split": "train",
        "messages": (
            Message("user", "Name a fruit."),
            Message("assistant", "fig"),
            Message("user", "Another."),
        ),
        "outputs": tuple(Output(f"o{i}", text, "sft") for i, text in enumerate(texts)),
        "ranks": ranks,
        "labeler": "l0",
        "labeler_group": "training",
    }
    return Ranking(**(fields | changes))


def test_dialogues_are_encoded_whole(tokenizer):
    (comparison,), dropped = encode_rankings(tokenizer, [ranking(0)], 200)
    assert "fig<|endoftext|>\nHuman: Another." in tokenizer.decode(comparison.prompt)
    assert [decode_response(tokenizer, r) for r in comparison.responses] == ["fig", "pear", "plum"]
    assert comparison.ranks == [1, 2, 3]
    assert not dropped


def test_rankings_of_one_prompt_by_two_labelers_stay_two_elements(tokenizer):
    rows = [ranking(0), ranking(1, prompt_id="p0", labeler="l1", ranks=(3, 2, 1))]
    found, _ = encode_rankings(tokenizer, rows, 200)
    assert [c.ranks for c in found] == [[1, 2, 3], [3, 2, 1]]
    assert [c.prompt_id for c in found] == ["p0", "p0"]


def test_what_is_left_out_is_counted(tokenizer):
    rows = [
        ranking(0, texts=("fig", "x " * 300, "pear")),
        ranking(1, ranks=(2, 2, 2)),
        ranking(2, texts=("fig",), ranks=(1,)),
        ranking(3, texts=("fig", "x " * 300), ranks=(1, 2)),
        ranking(4),
    ]
    found, dropped = encode_rankings(tokenizer, rows, 200)
    assert [c.prompt_id for c in found] == ["p0", "p4"]
    assert found[0].ranks == [1, 3]
    assert dropped == {"outputs_too_long": 2, "rankings_without_pair": 3}
    assert len(found) + dropped["rankings_without_pair"] == len(rows)


def test_ranks_and_outputs_of_different_number_are_named(tokenizer):
    with pytest.raises(BadInput, match="r0: 2 ranks for 3 outputs"):
        encode_rankings(tokenizer, [ranking(0, ranks=(1, 2))], 200)


def test_demonstrations_that_fit(tokenizer):
    rows = [
        Demonstration("d0", "l0", (Message("user", "Name a fruit."),), "fig"),
        Demonstration("d1", "l0", (Message("user", "y " * 300),), "fig"),
    ]
    ((prompt, response),) = encode_demonstrations(tokenizer, rows, 200)
    assert tokenizer.decode(prompt).endswith("Assistant:")
    assert decode_response(tokenizer, response) == "fig"


def split(rows, fraction=0.1):
    return split_rankings(rows, fraction, torch.Generator().manual_seed(0))


def test_other_splits_judge_and_no_prompt_stands_on_both_sides():
    rows = [
        ranking(0),
        ranking(1, split="validation"),
        ranking(2, split="test", labeler_group="heldout"),
        ranking(3, labeler_group="heldout"),
        ranking(4, prompt_id="p0", labeler_group="heldout"),
    ]
    found = split(rows)
    assert [r.id for r in found.train] == ["r0"]
    assert [r.id for r in found.heldout_prompts] == ["r1"]
    # r4 ranks a prompt that was trained on; r3 does not.
    assert [r.id for r in found.heldout_labelers] == ["r2", "r3"]


def test_without_another_split_prompts_are_held_out():
    rows = [ranking(i, prompt_id=f"p{i // 2}") for i in range(40)]
    found = split(rows, 0.2)
    trained = {r.prompt_id for r in found.train}
    judged = {r.prompt_id for r in found.heldout_prompts}
    assert len(judged) == 4
    assert not trained & judged
    assert len(found.train) + len(found.heldout_prompts) == 40
    assert split(rows, 0.2) == found
