"""human_eval_export: prompts and policies in, blind labeling tasks and their key out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

from components.core.config import sha256_hex
from components.core.errors import UserError
from components.core.records import Demonstration, KeyEntry, Prompt, Reject, Split, Task
from components.core.stage import Context, Inputs, Outputs, Stage
from components.human_eval.blind import blind_task
from components.human_eval.config import ExportConfig, published_as
from components.human_eval.label_studio import write_project
from components.human_eval.page import counts_page
from components.human_eval.systems import System, Texts, systems_of, write_outputs


def run(config: ExportConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Sample, blind and publish.

    Inputs: ``prompts``; ``policies`` and ``more_policies`` (systems take their manifests' names);
    ``demonstrations`` where a few-shot system is configured.
    Outputs: ``tasks``, ``key``, ``export`` (the Label Studio project), ``rejects``.
    """
    # 1. Which prompts, which systems, how many outputs of each.
    prompts = choose(list(inputs.rows("prompts", Prompt)), config)
    references = dict.fromkeys([*inputs.all("policies"), *inputs.all("more_policies")])
    if not references:
        raise UserError("policies: none given; expected at least one policy reference")
    systems = systems_of([(inputs.manifest(r).name, r) for r in references], config)
    demonstrations: list[Demonstration] = []
    if config.few_shot is not None:
        if "demonstrations" not in inputs:
            raise UserError(
                "few_shot: configured, but the input 'demonstrations' was not given; expected a "
                "dataset of demonstrations"
            )
        demonstrations = sorted(inputs.rows("demonstrations", Demonstration), key=lambda d: d.id)
    counts = {prompt.id: outputs_for(prompt.id, config) for prompt in prompts}

    # 2. Sample, one policy in memory at a time.
    total = sum(counts.values()) * len(systems)
    texts: dict[str, Texts] = {}
    for reference in references:
        mine = [system for system in systems if system.model == reference]
        finished = sum(counts.values()) * len(texts)
        context.progress.update(finished, total, system=mine[0].name)
        texts |= write_outputs(
            inputs.folder(reference),
            mine,
            prompts,
            counts,
            demonstrations,
            config,
            lambda done, at=finished: context.progress.update(at + done, total),  # type: ignore[misc]
        )
    context.progress.update(total, total)

    # 3. Blind, and drop what cannot be ranked, with its reason.
    salt = sha256_hex("\n".join([config.digest(), *sorted(references)]))
    tasks, key, rejects = blind_all(prompts, systems, texts, salt, inputs.reference("prompts"))
    if not tasks:
        raise UserError(
            f"none of {len(prompts)} prompts could be made into a task: "
            f"{dict(Counter(reject.reason for reject in rejects))}"
        )

    # 4. Publish; the key apart from what labelers see.
    project = context.workdir / "export"
    write_project(project, tasks)
    outputs.dataset("tasks", "tasks", tasks, published_as("tasks", config.purpose))
    outputs.dataset("key", "key", key, published_as("key", config.purpose))
    outputs.folder("export", "export", published_as("label_studio", config.purpose), project)
    outputs.dataset("rejects", "rejects", rejects)
    sizes = Counter(len(task.outputs) for task in tasks)
    outputs.headline_metrics(
        {
            "tasks": float(len(tasks)),
            "outputs": float(sum(len(task.outputs) for task in tasks)),
            "rejected": float(len(rejects)),
            "merged_duplicates": float(
                sum(len(systems) * counts[t.prompt_id] - len(t.outputs) for t in tasks)
            ),
        }
    )
    outputs.html(
        counts_page(
            "Blind labeling tasks",
            f"{len(tasks)} tasks of {len(prompts)} prompts for "
            f"{', '.join(system.name for system in systems)}.",
            {
                "Outputs a task": {str(size): sizes[size] for size in sorted(sizes)},
                "Prompts without a task": Counter(reject.reason for reject in rejects),
            },
        )
    )


def choose(prompts: Sequence[Prompt], config: ExportConfig) -> list[Prompt]:
    """The prompts that become tasks, by id; raises UserError where a split has none."""
    wanted: dict[Split, int] = {config.split: config.prompts, **config.also}
    chosen: list[Prompt] = []
    for split, count in wanted.items():
        mine = sorted((p for p in prompts if p.split == split), key=lambda prompt: prompt.id)
        if not mine:
            raise UserError(f"split '{split}': no prompt in it; expected at least one")
        if count and count < len(mine):
            mine = Random(f"{config.seed}/prompts/{split}").sample(mine, count)
        chosen += mine
    return sorted(chosen, key=lambda prompt: prompt.id)


def outputs_for(prompt_id: str, config: ExportConfig) -> int:
    """K of one prompt: drawn evenly from the configured range."""
    random = Random(f"{config.seed}/outputs/{prompt_id}")
    return random.randint(config.outputs_min, config.outputs_max)


def blind_all(
    prompts: Iterable[Prompt],
    systems: Sequence[System],
    texts: dict[str, Texts],
    salt: str,
    origin: str,
) -> tuple[list[Task], list[KeyEntry], list[Reject]]:
    """Tasks, key and rejects; every prompt ends as one task or one reject."""
    models = {system.name: system.model for system in systems}
    tasks: list[Task] = []
    key: list[KeyEntry] = []
    rejects: list[Reject] = []
    for row, prompt in enumerate(prompts):
        silent = sorted(name for name in models if prompt.id not in texts[name])
        if silent:
            rule = f"prompt and answer do not fit the context of {', '.join(silent)}"
            rejects.append(Reject(prompt.id, origin, row, "too_long", rule, "", None))
            continue
        written = {name: texts[name][prompt.id] for name in models}
        task, entries = blind_task(prompt, written, models, salt)
        if len(task.outputs) < 2:
            rule = "fewer than two different outputs: nothing to rank"
            rejects.append(Reject(prompt.id, origin, row, "identical_outputs", rule, "", None))
            continue
        tasks.append(task)
        key += entries
    return tasks, key, rejects


STAGE = Stage("human_eval_export", ExportConfig, run)
