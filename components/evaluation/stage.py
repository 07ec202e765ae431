"""evaluation: what people, held-out documents and the reward model say of each policy; a report."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from components.core import work
from components.core.dataset import read_records
from components.core.errors import UserError
from components.core.models import load_policy
from components.core.parallel import device
from components.core.records import (
    Document,
    KeyEntry,
    Prompt,
    Ranking,
    Rating,
    Sample,
    Score,
    Task,
)
from components.core.references import lineage
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.storage import Storage
from components.core.tokens import load_tokenizer
from components.evaluation import answers as answered
from components.evaluation.answers import Answers
from components.evaluation.config import EvaluationConfig
from components.evaluation.curves import from_history, from_samples
from components.evaluation.people import agreement_of, judgments_of, mean_ranks, reward_agreement
from components.evaluation.public_tasks import PublicTasks, cloze_items, measure
from components.evaluation.report import render
from components.evaluation.results import LineageNode, PolicySource, Results
from components.evaluation.win_rate import (
    Bootstrap,
    bradley_terry,
    comparisons,
    flag_rates,
    head_to_head,
    likert_means,
    win_rates,
)


def run(config: EvaluationConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Measure whatever the inputs allow, write ``summary.json`` and ``report.html``.

    Inputs, all but the policies optional: ``policies``, ``more_policies``, ``ratings``,
    ``rankings``, ``tasks`` and ``key``, ``pretraining``, ``prompts``, ``reward_model``,
    ``samples``, ``gold``, ``histories``. Output: ``report``.
    """
    bootstrap = Bootstrap(config.resamples, config.seed, config.confidence)
    policies = policies_of(inputs)
    steps = len(policies) + 2

    # 1. People: win rates against the baseline, Likert, flags, agreement.
    ratings = list(inputs.rows("ratings", Rating)) if "ratings" in inputs else []
    compared = comparisons(ratings)
    rates = win_rates(compared, config.baseline, bootstrap)
    if compared and not rates:
        raise UserError(
            f"baseline: got '{config.baseline}'; expected one of the systems that were compared: "
            f"{', '.join(sorted({c.system for c in compared}))}"
        )
    context.progress.update(1, steps, ratings=str(len(ratings)))

    # 2. Public tasks: the alignment tax.
    public = public_tasks(inputs, policies, config, bootstrap, context, steps)

    # 3. What the systems answered; the reward model's and the world's scores of it.
    shown = answers_of(inputs, policies, config)
    gold = {
        score.subject: score.score
        for reference in inputs.all("gold")
        for score in read_records(context.storage, reference, Score)
    }
    rewards: dict[str, float] = {}
    if "reward_model" in inputs and shown:
        folder = inputs.folder(inputs.reference("reward_model"))
        rewards = answered.reward_scores(folder, shown, config.batch_tokens)

    # 4. PPO's course.
    samples = (
        sample
        for reference in inputs.all("samples")
        for sample in read_records(context.storage, reference, Sample)
    )
    judgments = judgments_of(ratings, rankings_of(inputs))
    worked = work_behind(context, inputs.parents())
    results = Results(
        baseline=config.baseline,
        confidence=config.confidence,
        policies=[PolicySource(system, reference) for system, reference in policies.items()],
        win_rates=rates,
        head_to_head=head_to_head(compared),
        bradley_terry=bradley_terry(compared, config.baseline),
        likert=likert_means(ratings, bootstrap),
        flags=flag_rates(ratings),
        agreement=agreement_of(judgments, config),
        judgments=len({(rating.task_id, rating.labeler) for rating in ratings}),
        public_tasks=public,
        gold=answered.mean_by_system(shown, gold, bootstrap),
        reward=answered.mean_by_system(shown, rewards, bootstrap),
        reward_gain=answered.gain_by_system(shown, rewards, config.baseline, bootstrap),
        reward_agreement=reward_agreement(ratings, rewards, bootstrap),
        curves=from_samples(samples, gold),
        histories={
            inputs.manifest(reference).name: from_history(inputs.folder(reference), reference)
            for reference in inputs.all("histories")
        },
        answers=shown,
        gold_by_output=gold,
        reward_by_output=rewards,
        rank_by_output=mean_ranks(ratings),
        work={label: record.figures for label, record in worked.items()},
        losses={label: r.curves["loss"] for label, r in worked.items() if r.curves.get("loss")},
        lineage=lineage_of(context.storage, inputs.parents()),
    )

    # 5. The report.
    page = render(results, examples=config.examples, seed=config.seed)
    folder = context.workdir / "report"
    folder.mkdir()
    summary = json.dumps(results.summary(), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "summary.json").write_text(summary + "\n", encoding="utf-8")
    (folder / "report.html").write_text(page, encoding="utf-8")
    outputs.folder("report", "report", "evaluation", folder)
    outputs.headline_metrics(results.headline())
    outputs.html(page)
    if rates:
        context.tracker.table(
            [{"system": system, **row} for system, row in results.summary()["win_rates"].items()],
            "win_rates.json",
        )
    context.progress.update(steps, steps)


def policies_of(inputs: Inputs) -> dict[str, str]:
    """system -> reference, in the order given; raises UserError where two share a name."""
    policies: dict[str, str] = {}
    for reference in dict.fromkeys([*inputs.all("policies"), *inputs.all("more_policies")]):
        name = inputs.manifest(reference).name
        if name in policies:
            raise UserError(f"policies: two are named '{name}'; expected one of each name")
        policies[name] = reference
    return policies


def public_tasks(
    inputs: Inputs,
    policies: Mapping[str, str],
    config: EvaluationConfig,
    bootstrap: Bootstrap,
    context: Context,
    steps: int,
) -> dict[str, PublicTasks]:
    """Every policy on the documents that no stage trains on; {} where none are given."""
    if "pretraining" not in inputs:
        return {}
    documents = sorted(
        (document.id, document.text)
        for document in inputs.rows("pretraining", Document)
        if document.split == "test"
    )
    if config.documents:
        documents = documents[: config.documents]
    if not documents:
        return {}
    items = cloze_items(documents, config.cloze_options, config.seed)
    results = {}
    for done, (system, reference) in enumerate(policies.items(), 1):
        folder = inputs.folder(reference)
        results[system] = measure(
            load_policy(folder).to(device()),
            load_tokenizer(folder),
            documents,
            items,
            cloze_tokens=config.cloze_tokens,
            batch_tokens=config.batch_tokens,
            bootstrap=bootstrap,
        )
        context.progress.update(done + 1, steps, system=system, loss=results[system].loss.value)
    return results


def answers_of(
    inputs: Inputs, policies: Mapping[str, str], config: EvaluationConfig
) -> list[Answers]:
    """Unblinded tasks where they are given, else outputs drawn for held-out prompts."""
    if "tasks" in inputs and "key" in inputs:
        return answered.from_tasks(inputs.rows("tasks", Task), inputs.rows("key", KeyEntry))
    if "prompts" in inputs and policies and config.sampled_prompts:
        folders: dict[str, Path] = {s: inputs.folder(r) for s, r in policies.items()}
        return answered.draw(inputs.rows("prompts", Prompt), folders, config)
    return []


def rankings_of(inputs: Inputs) -> list[Ranking]:
    """The rankings, where they are given."""
    return list(inputs.rows("rankings", Ranking)) if "rankings" in inputs else []


def work_behind(context: Context, references: Iterable[str]) -> dict[str, work.WorkRecord]:
    """Stage label -> record of the work in the inputs' lineage."""
    return {
        record.label: record
        for reference in references
        for record in work.behind(context.storage, context.root, reference)
    }


def lineage_of(storage: Storage, references: Iterable[str]) -> list[LineageNode]:
    """Every published thing in the inputs' lineage, each once, by reference."""
    nodes: dict[str, LineageNode] = {}
    for reference in references:
        for node in lineage(storage, reference).walk():
            if node.manifest is not None:
                manifest = node.manifest
                nodes[node.reference] = LineageNode(
                    reference=node.reference,
                    kind=manifest.kind,
                    name=manifest.name,
                    rows=manifest.rows,
                    size=manifest.size,
                    stage=manifest.provenance.stage,
                    code_version=manifest.provenance.code_version,
                    parents=manifest.provenance.parents,
                )
    return [nodes[reference] for reference in sorted(nodes)]


STAGE = Stage("evaluation", EvaluationConfig, run)
