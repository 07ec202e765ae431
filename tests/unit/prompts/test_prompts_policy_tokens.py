"""With a policy its tokenizer and chat format decide how long a prompt is, to the token."""

import json
from pathlib import Path

import pytest
from small_models import small_policy, small_tokenizer
from small_stages import published, published_folder, run_small

from components.core.dataset import download_folder, read_records
from components.core.errors import BadInput
from components.core.models import save_model
from components.core.records import Message, Prompt, RawPrompt, Reject
from components.core.storage import Storage
from components.core.tokens import encode_prompt
from components.prompts.config import PromptsConfig
from components.prompts.stage import STAGE
from components.prompts.text.length import estimated_tokens, policy_tokens

TOKENIZER = small_tokenizer()


def raw(number: int, *turns: str) -> RawPrompt:
    messages = tuple(
        Message("user" if place % 2 == 0 else "assistant", turn) for place, turn in enumerate(turns)
    )
    return RawPrompt(f"p{number}", f"u{number}", "api", "plain", messages, number)


ROWS = [
    raw(0, "Name a fruit that is green."),
    raw(1, "Name a fruit.", "a fig", "Which other one is there?"),
    raw(2, "übergrößenträger 你好 🙂 what do these words mean?"),
    raw(3, "please write to jo@example.org about the pear"),
    raw(4, "why is it so? " * 30),
]


def exact(messages: tuple[Message, ...]) -> int:
    return len(encode_prompt(TOKENIZER, messages))


@pytest.fixture
def policy(storage: Storage, root: str, tmp_path: Path) -> str:
    save_model(small_policy(vocab_size=len(TOKENIZER)), TOKENIZER, tmp_path / "base")
    return published_folder(storage, root, "policy", "base", tmp_path / "base")


def test_prompts_are_counted_and_cut_off_by_the_policys_tokenizer(
    policy: str, storage: Storage, root: str, tmp_path: Path
) -> None:
    inputs = {"raw_prompts": published(storage, root, "raw_prompts", ROWS), "policy": policy}
    limit = max(exact(row.messages) for row in ROWS[:4])
    config = PromptsConfig(max_tokens=limit)
    outputs, _, _ = run_small(STAGE, config, inputs, storage, root, tmp_path / "work")
    prompts = {p.id: p for p in read_records(storage, outputs.references["prompts"], Prompt)}
    assert set(prompts) == {"p0", "p1", "p2", "p3"}
    for prompt in prompts.values():
        # What was redacted is counted as it is published.
        assert prompt.tokens == exact(prompt.messages)
    assert "[EMAIL_1]" in prompts["p3"].messages[0].content
    (reject,) = read_records(storage, outputs.references["rejects"], Reject)
    assert (reject.id, reject.reason) == ("p4", "too_long")
    assert reject.rule == f"max_tokens: more than {limit} tokens"

    # One token less, and the longest of them goes, too.
    shorter = PromptsConfig(max_tokens=limit - 1)
    outputs, _, _ = run_small(STAGE, shorter, inputs, storage, root, tmp_path / "shorter")
    rejects = read_records(storage, outputs.references["rejects"], Reject)
    assert len([r for r in rejects if r.reason == "too_long"]) == 2


def test_the_audit_says_who_counted(
    policy: str, storage: Storage, root: str, tmp_path: Path
) -> None:
    reference = published(storage, root, "raw_prompts", ROWS[:2])
    told = []
    for name, given in (("with", policy), ("without", "")):
        inputs = {"raw_prompts": reference, "policy": given}
        outputs, _, _ = run_small(STAGE, PromptsConfig(), inputs, storage, root, tmp_path / name)
        folder = download_folder(storage, outputs.references["audit"], tmp_path / f"{name}-audit")
        told.append(json.loads((folder / "audit.json").read_text())["tools"]["tokens"])
        prompts = list(read_records(storage, outputs.references["prompts"], Prompt))
        turns = [prompt.messages for prompt in prompts]
        counts = [exact(m) for m in turns] if given else estimated_tokens(turns)
        assert [prompt.tokens for prompt in prompts] == counts
    assert told == ["the policy's tokenizer", "an estimate (no policy given)"]


def test_the_estimate_is_words_or_a_token_every_four_bytes() -> None:
    conversations = [
        [Message("user", "a b c d e f g h")],  # 8 words
        [Message("user", "x" * 41)],  # 41 / 4, rounded up
        [Message("user", "é" * 20)],  # 40 bytes
        [Message("user", "a"), Message("user", "b")],
        [Message("user", "")],
    ]
    assert estimated_tokens(conversations) == [8, 11, 10, 2, 1]
    assert estimated_tokens([]) == []


def test_a_batch_counts_what_is_encoded_one_by_one(tmp_path: Path) -> None:
    tokenizer = small_tokenizer()
    # What a tokenizer.json may hold, and what would make a count wrong.
    tokenizer.backend_tokenizer.enable_truncation(5)
    tokenizer.backend_tokenizer.enable_padding(length=40)
    tokenizer.save_pretrained(tmp_path)
    count = policy_tokens(tmp_path)
    conversations = [row.messages for row in ROWS]
    conversations.append((Message("system", "Be brief."), Message("user", "<|endoftext|> hm")))
    assert count(conversations) == [exact(messages) for messages in conversations]
    assert count([]) == []


def test_a_policy_without_a_tokenizer_is_named(storage: Storage, root: str, tmp_path: Path) -> None:
    small_policy().save_pretrained(tmp_path / "bare")
    with pytest.raises(BadInput, match=r"bare: no tokenizer\.json"):
        policy_tokens(tmp_path / "bare")
    inputs = {
        "raw_prompts": published(storage, root, "raw_prompts", ROWS),
        "policy": published_folder(storage, root, "policy", "bare", tmp_path / "bare"),
    }
    with pytest.raises(BadInput, match=r"no tokenizer\.json; a model folder holds its tokenizer"):
        run_small(STAGE, PromptsConfig(), inputs, storage, root, tmp_path / "work")
    assert not list(storage.list(f"{root}/datasets/prompts/"))
