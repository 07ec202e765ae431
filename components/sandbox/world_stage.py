"""The stage ``sandbox_world``: writes the small made-up world's prompts, answers and documents."""

import html
import json
import random
from collections import Counter
from collections.abc import Iterator

from components.core.records import Demonstration
from components.core.stage import Context, Inputs, Outputs, Stage
from components.sandbox.config import WorldConfig
from components.sandbox.demonstrations import Flaws, write_answer
from components.sandbox.documents import write_documents
from components.sandbox.drawing import SHARES, SHOTS
from components.sandbox.gold import GoldScorer
from components.sandbox.prompts import PromptPlan, conversation, write_prompts
from components.sandbox.requests import parse
from components.sandbox.vocabulary import World, draw_world
from components.sandbox.wordings import CUSTOMERS, OPENERS

#: One demonstration in this many answers a prompt that brings its own examples.
_SHOTS_EVERY = 12


def run(config: WorldConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """No input. Outputs raw_prompts, demonstrations, pretraining, truth."""
    world = draw_world(config.seed)

    # 1. Prompts of users and labelers; where duplicates and PII were planted goes apart.
    prompts, truth = write_prompts(
        world,
        PromptPlan(
            users=config.users,
            prompts_per_user=(config.user_prompts_min, config.user_prompts_max),
            labelers=config.labelers,
            prompts_per_labeler=config.labeler_prompts,
            duplicate_share=config.duplicate_share,
            canaries_per_entity=config.canaries_per_entity,
        ),
    )
    outputs.dataset("raw_prompts", "raw_prompts", prompts)
    context.progress.update(1, 4)
    folder = context.workdir / "truth"
    folder.mkdir(parents=True)
    (folder / "truth.json").write_text(
        json.dumps(truth.to_json(), indent=1, ensure_ascii=False), encoding="utf-8"
    )
    outputs.folder("truth", "export", "truth", folder)
    context.progress.update(2, 4)

    # 2. Demonstrations, with the flaws of those who write them.
    demonstrations = list(write_demonstrations(world, config))
    outputs.dataset("demonstrations", "demonstrations", demonstrations)
    context.progress.update(3, 4)

    # 3. What the world's web says.
    documents = list(
        write_documents(world, config.documents, config.test_documents, config.page_share)
    )
    outputs.dataset("pretraining", "pretraining", documents)

    judge = GoldScorer(world)
    scores = [judge.score(row.messages, row.completion) for row in demonstrations]
    outputs.headline_metrics(
        {
            "raw_prompts": float(len(prompts)),
            "users": float(len({row.user_id for row in prompts})),
            "planted_duplicates": float(sum(map(len, truth.duplicates.values()))),
            "planted_pii": float(len(truth.pii_canaries)),
            "demonstrations": float(len(demonstrations)),
            "demonstration_gold": sum(scores) / len(scores),
            "documents": float(len(documents)),
        }
    )
    outputs.html(_page(world, Counter(row.kind for row in prompts), demonstrations))
    context.progress.update(4, 4)


def write_demonstrations(world: World, config: WorldConfig) -> Iterator[Demonstration]:
    """Answers of imperfect labelers to prompts of their own."""
    rng = random.Random(f"demonstrations/{world.seed}")
    average = Flaws(**config.flaws.model_dump())
    own = [average.of_one(rng) for _ in range(config.labelers)]
    skills, weights = tuple(SHARES), tuple(SHARES.values())
    for number in range(config.demonstrations):
        labeler = number % config.labelers
        if number % _SHOTS_EVERY == 0:
            messages = conversation(world, rng.choice(SHOTS), rng)
        else:
            opener = rng.choice(OPENERS + CUSTOMERS) if rng.random() < 0.3 else ""
            messages = conversation(world, rng.choices(skills, weights)[0], rng, opener)
        request = parse(messages)
        assert request is not None, "every wording of the world can be read back"
        yield Demonstration(
            id=f"d-{number:05d}",
            labeler=f"labeler-{labeler:02d}",
            messages=messages,
            completion=write_answer(request, world, own[labeler], rng),
        )


def _page(world: World, kinds: Counter[str], demonstrations: list[Demonstration]) -> str:
    """A look at the world: its facts, and some demonstrations."""

    def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
        cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        return f"<table><tr>{cells}</tr>{body}</table>"

    facts = table(
        ("thing", "colour", "place", "in zed"),
        ((item, world.colour[item], world.place[item], world.zed[item]) for item in world.colour),
    )
    shown = table(
        ("prompt", "demonstration"),
        ((row.messages[-1].content, row.completion) for row in demonstrations[:20]),
    )
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>A made-up world</title>'
        "<style>body{font:15px system-ui;margin:2em}td,th{text-align:left;padding:.1em 1em}"
        "</style>"
        f"<h1>A made-up world (seed {world.seed})</h1><p>Prompts: {counts}.</p>"
        f"<h2>Facts</h2>{facts}<h2>Demonstrations</h2>{shown}</html>"
    )


STAGE = Stage("sandbox_world", WorldConfig, run)
