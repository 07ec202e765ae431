"""The stage on a real S3: with labels, without labels, with almost nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import small_policy, small_tokenizer
from small_stages import prompt, published, published_folder, run_small

from components.core.dataset import download_folder
from components.core.errors import BadInput, UserError
from components.core.models import reward_from_policy, save_model
from components.core.records import (
    BlindOutput,
    Document,
    KeyEntry,
    Message,
    Rating,
    Sample,
    Score,
    Task,
)
from components.core.storage import Storage
from components.evaluation.config import EvaluationConfig
from components.evaluation.stage import STAGE, policies_of

CONFIG = EvaluationConfig(resamples=100, cloze_options=2, max_new_tokens=6, sampled_prompts=2)
SYSTEMS = ("base", "prompted", "sft", "ppo")
ASK = (Message("user", "Name a fruit."),)


def policy(storage: Storage, root: str, folder: Path, name: str, seed: int) -> str:
    tokenizer = small_tokenizer()
    model = small_policy(seed, vocab_size=len(tokenizer))
    save_model(model, tokenizer, folder / name)
    return published_folder(storage, root, "policy", name, folder / name)


def history(storage: Storage, root: str, folder: Path, body: object) -> str:
    folder.mkdir()
    (folder / "history.json").write_text(json.dumps(body))
    return published_folder(storage, root, "history", "ppo", folder)


@pytest.fixture
def inputs(storage: Storage, root: str, tmp_path: Path) -> dict[str, Any]:
    documents = [
        Document(f"d{n}", f"the old red bag is in the {word}", "test" if n else "train")
        for n, word in enumerate(("park", "shop", "house"))
    ]
    # Prompt 0: ppo > sft > prompted > base. Prompt 1: ppo and sft wrote one output.
    first = [("o0", "base", 4), ("o1", "prompted", 3), ("o2", "sft", 2), ("o3", "ppo", 1)]
    second = [("o4", "base", 2), ("o5", "prompted", 3), ("o6", "ppo+sft", 1)]
    shown = {"t0": first, "t1": second}
    tasks = [
        Task(name, f"p{name[1]}", ASK, tuple(BlindOutput(o, f"text {o}") for o, _, _ in outputs))
        for name, outputs in shown.items()
    ]
    key = [KeyEntry(t, o, s, "") for t, outputs in shown.items() for o, s, _ in outputs]
    ratings = [
        Rating(f"{t}/{o}/{who}", t, f"p{t[1]}", o, s, who, "heldout", 8 - r, (), r)
        for t, outputs in shown.items()
        for o, s, r in outputs
        for who in ("ann", "bob")
    ]
    samples = [
        Sample(f"s{i}{n}", "ppo", i, f"p{n}", ASK, "fig", float(i + n), i / 10)
        for i in (0, 5)
        for n in (0, 1)
    ]
    gold = [Score(f"o{n}", float(n)) for n in range(7)]
    gold += [Score(s.id, s.reward * 2) for s in samples]
    tokenizer = small_tokenizer()
    policies = [policy(storage, root, tmp_path, n, s) for s, n in enumerate(("base", "sft"))]
    reward_model = reward_from_policy(tmp_path / "sft", torch.Generator().manual_seed(0))
    save_model(reward_model, tokenizer, tmp_path / "rm")
    body = {"system": "ppo", "iteration": [1, 2], "kl": [0.1, 0.2], "reward": [1.0, 2.0]}
    return {
        "ratings": published(storage, root, "ratings", ratings),
        "tasks": published(storage, root, "tasks", tasks),
        "key": published(storage, root, "key", key),
        "prompts": published(storage, root, "prompts", [prompt(n, "test") for n in range(3)]),
        "pretraining": published(storage, root, "pretraining", documents),
        "reward_model": published_folder(
            storage, root, "reward_model", "reward_model", tmp_path / "rm"
        ),
        "policies": policies,
        "more_policies": [policy(storage, root, tmp_path, "ppo", 5)],
        "samples": [published(storage, root, "samples", samples)],
        "gold": [published(storage, root, "scores", gold)],
        "histories": [history(storage, root, tmp_path / "history", body)],
    }


def run(
    inputs: dict[str, Any], storage: Storage, root: str, folder: Path
) -> tuple[dict[str, Any], str, Any]:
    outputs, _, _ = run_small(STAGE, CONFIG, inputs, storage, root, folder / "work")
    report = download_folder(storage, outputs.references["report"], folder / "report")
    page = (report / "report.html").read_text()
    assert outputs.page == page
    return json.loads((report / "summary.json").read_text()), page, outputs


def test_everything_is_measured(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    summary, page, outputs = run(inputs, storage, root, tmp_path)
    # Both labelers agree. Against SFT: ppo wins on p0, ties on p1.
    rates = {system: rate["win_rate"] for system, rate in summary["win_rates"].items()}
    assert rates == {"base": 0.0, "prompted": 0.0, "sft": 0.5, "ppo": 0.75}
    assert summary["win_rates"]["ppo"]["n"] == 2
    assert summary["agreement"] == {"heldout": 1.0}
    # Gold of base: o0, o4; prompted: o1, o5; sft: o2, o6; ppo: o3, o6.
    assert summary["gold"] == {"base": 2.0, "prompted": 3.0, "sft": 4.0, "ppo": 4.5}
    assert set(summary["reward"]) == set(SYSTEMS)
    assert 0 <= summary["reward_agreement"] <= 1
    assert set(summary["public_tasks"]) == {"base", "sft", "ppo"}
    assert summary["public_tasks"]["sft"]["loss"] > 0
    # Means of rewards n and i + n, twice that in gold.
    assert summary["ppo"]["ppo"] == {
        "iteration": [0, 5], "kl": [0.0, 0.5], "reward": [0.5, 5.5], "gold": [1.0, 11.0],
    }  # fmt: skip
    assert summary["policies"]["ppo"] == inputs["more_policies"][0]
    assert outputs.headline["win_rate.ppo"] == 0.75
    assert "text o3" in page


def test_without_labels_the_report_holds_the_rest(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    for name in ("ratings", "gold", "tasks", "key", "samples"):
        del inputs[name]
    summary, page, _ = run(inputs, storage, root, tmp_path)
    assert summary["win_rates"] == {}
    assert summary["gold"] == {}
    # Drawn here, on test prompts, and scored.
    assert set(summary["reward"]) == {"base", "sft", "ppo"}
    assert summary["ppo"]["ppo"]["kl"] == [0.1, 0.2]
    assert "Name a fruit." in page
    assert "No labels have come back yet" in page


def test_policies_alone_are_enough(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    summary, _, _ = run({"policies": inputs["policies"]}, storage, root, tmp_path)
    assert set(summary["policies"]) == {"base", "sft"}
    assert summary["public_tasks"] == {}


def test_an_unknown_baseline_is_named(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"baseline": "gpt"})
    with pytest.raises(UserError, match=r"baseline: got 'gpt'.*base, ppo, prompted, sft"):
        run_small(STAGE, config, inputs, storage, root, tmp_path / "work")


def test_two_policies_of_one_name_are_an_error(storage: Storage, root: str, tmp_path: Path) -> None:
    from components.core.stage import Inputs

    one = policy(storage, root, tmp_path / "a", "sft", 1)
    two = policy(storage, root, tmp_path / "b", "sft", 2)
    with pytest.raises(UserError, match="two are named 'sft'"):
        policies_of(Inputs({"policies": [one, two]}, storage, tmp_path))


@pytest.mark.parametrize(
    "body", [[], {"kl": [1.0]}, {"kl": ["x"], "reward": [1.0]}, {"kl": [1.0], "reward": []}]
)
def test_a_malformed_history_is_bad_input(
    storage: Storage, root: str, tmp_path: Path, body: object
) -> None:
    reference = history(storage, root, tmp_path / "history", body)
    references = {"histories": [reference]}
    with pytest.raises(BadInput, match=r"history\.json"):
        run_small(STAGE, CONFIG, references, storage, root, tmp_path / "work")
