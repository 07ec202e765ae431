"""The stage: a policy, rankings and demonstrations in, a reward model out."""

from collections import Counter

from components.core.errors import BadInput
from components.core.models import positions, reward_from_policy, save_model
from components.core.page import figures_page
from components.core.parallel import device, stream
from components.core.records import Demonstration, Ranking
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.tokens import load_tokenizer
from components.reward_model.comparisons import (
    encode_demonstrations,
    encode_rankings,
    split_rankings,
)
from components.reward_model.config import RewardModelConfig
from components.reward_model.training import centre, pair_accuracy, train_reward_model


def run(config: RewardModelConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Inputs policy, rankings, demonstrations; output reward_model."""
    # 1. The SFT policy's trunk with a scalar head.
    folder = inputs.folder(inputs.reference("policy"))
    tokenizer = load_tokenizer(folder)
    model = reward_from_policy(folder, stream(config.seed, "reward_model", "head")).to(device())
    limit = min(config.max_tokens or positions(model), positions(model))
    pad_id = tokenizer.pad_token_id

    # 2. Rankings, apart by whether their prompts train or judge.
    split = split_rankings(
        inputs.rows("rankings", Ranking),
        config.heldout_fraction,
        stream(config.seed, "reward_model", "heldout"),
    )
    train, dropped = encode_rankings(tokenizer, split.train, limit)
    judged = {
        "accuracy": encode_rankings(tokenizer, split.heldout_prompts, limit)[0],
        "accuracy_heldout_labelers": encode_rankings(tokenizer, split.heldout_labelers, limit)[0],
    }
    if not train:
        raise BadInput(
            f"rankings: none of {len(split.train)} train rankings is left "
            f"({_counts(dropped)}); expected two outputs of different rank in "
            f"{limit} tokens"
        )

    # 3. Train.
    checkpoints = context.checkpoints()

    def report(done: int, total: int, figures: dict[str, float]) -> None:
        context.tracker.metrics(figures, done)
        context.progress.update(done, total, **figures)

    history = train_reward_model(
        model,
        train,
        config,
        pad_id=pad_id,
        report=report,
        checkpoints=checkpoints,
    )

    # 4. Demonstrations score 0 on average.
    demonstrations = encode_demonstrations(
        tokenizer, inputs.rows("demonstrations", Demonstration), limit
    )
    bias = centre(model, demonstrations, pad_id=pad_id)

    # 5. Judge on prompts that did not train, and publish.
    metrics = {
        "rankings": float(len(train)),
        "outputs": float(sum(len(comparison.responses) for comparison in train)),
        "loss": sum(history.loss[-10:]) / len(history.loss[-10:]),
        "bias": bias,
        **{name: float(count) for name, count in sorted(dropped.items())},
    }
    for name, comparisons in judged.items():
        judgment = pair_accuracy(model, comparisons, config, pad_id=pad_id)
        if judgment.pairs:
            metrics[name] = judgment.share.value
            metrics[f"{name}_low"] = judgment.share.low
            metrics[f"{name}_high"] = judgment.share.high
            metrics[f"{name}_pairs"] = float(judgment.pairs)
            metrics[f"{name}_prompts"] = float(judgment.share.n)
    out = context.workdir / "reward_model"
    save_model(model, tokenizer, out)
    outputs.folder("reward_model", "reward_model", config.system, out)
    outputs.headline_metrics(metrics)
    outputs.curve("loss", history.loss)
    outputs.curve("train_accuracy", history.accuracy)
    outputs.html(figures_page("Reward model", metrics))
    checkpoints.clear()


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "none given"


STAGE = Stage("reward_model", RewardModelConfig, run)
