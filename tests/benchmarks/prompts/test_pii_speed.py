"""PII treatment of real prompts on one core, and Presidio's analysis beside it."""

import time
from pathlib import Path

import pytest
from pii_data import missing, real_prompts
from presidio_peer import presidio

from components.core.records import Message
from components.prompts.config import PiiConfig
from components.prompts.pii.redact import Redactor
from components.prompts.pii.registry import entities, policy

FOLDERS = ("t0_50k", "self_instruct", "prompts_chat")
#: The issue's bar: prompts in a CPU second.
BAR = 20_000
#: Prompts for the peer, drawn evenly: it would take minutes for all.
SAMPLE = {"patterns": 400, "ner": 120}

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(bool(missing(*FOLDERS)), reason=missing(*FOLDERS)),
]


def ours(prompts: list[str]) -> tuple[float, float]:
    """CPU seconds of treating prompts, and the share in which something was found."""
    config = PiiConfig()
    known = entities(config)
    redactor = Redactor(known, policy(config, known), config.max_hits, b"key")
    conversations = [(Message("user", prompt),) for prompt in prompts]
    for messages in conversations[:: len(conversations) // 100]:
        redactor.treat(messages)
    begun = time.process_time()
    flagged = sum(bool(redactor.treat(messages).findings) for messages in conversations)
    return time.process_time() - begun, flagged / len(prompts)


def test_prompts_in_a_cpu_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["prompts of     prompts  characters     per CPU s      MB/s  flagged"]
    count, seconds = 0, 0.0
    everything: list[str] = []
    for folder in FOLDERS:
        prompts = real_prompts(folder)
        everything += prompts
        size = sum(map(len, prompts))
        cpu, flagged = min(ours(prompts) for _ in range(2))
        count, seconds = count + len(prompts), seconds + cpu
        lines.append(
            f"{folder:14s} {len(prompts):7,}  {size / len(prompts):10,.0f}"
            f"  {len(prompts) / cpu:12,.0f}"
            f"  {size / cpu / 1e6:8.1f}  {flagged:.2%}"
        )
    lines.append(f"{'all':14s} {count:7,}  {'':10s}  {count / seconds:12,.0f}")
    with capsys.disabled():
        print("", *lines, sep="\n")
        for mode, size in SAMPLE.items():
            sample = everything[:: len(everything) // size]
            hits, cpu = presidio(mode, sample, tmp_path)
            flagged = sum(map(bool, hits)) / len(sample)
            name = f"Presidio, {mode}"
            print(f"{name:32s} {len(sample) / cpu:15,.0f}  {'':8s}  {flagged:.1%} flagged")
    assert count / seconds >= BAR
