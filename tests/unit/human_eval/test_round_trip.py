"""Export -> labels -> import on a real S3, with policies that were made on the spot."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_models import small_policy, small_tokenizer
from small_stages import prompt, published, published_folder, run_small

from components.core.dataset import download_folder, open_manifest, read_records, resolve
from components.core.errors import BadInput, UserError
from components.core.models import save_model
from components.core.records import (
    BlindOutput,
    Demonstration,
    KeyEntry,
    Message,
    Ranking,
    Rating,
    Reject,
    Task,
)
from components.core.storage import Storage
from components.human_eval import export_stage, import_stage
from components.human_eval.config import ExportConfig, FewShotConfig, ImportConfig

LONG = "name a fruit " * 40
PROMPTS = [
    *(prompt(n, "train", f"Name fruit {n}.") for n in range(6)),
    prompt(6, "train", LONG),
    *(prompt(n, "validation", f"Name a pear {n}.") for n in range(7, 10)),
]
COMPARE = ExportConfig(
    outputs_min=1, outputs_max=1, max_new_tokens=8, few_shot=FewShotConfig(examples=1), seed=3
)


def policy(storage: Storage, root: str, folder: Path, name: str, seed: int) -> str:
    tokenizer = small_tokenizer()
    model = small_policy(seed, vocab_size=len(tokenizer), positions=128)
    save_model(model, tokenizer, folder / name)
    return published_folder(storage, root, "policy", name, folder / name)


@pytest.fixture
def inputs(storage: Storage, root: str, tmp_path: Path) -> dict[str, Any]:
    demonstrations = [
        Demonstration(f"d{n}", "l", (Message("user", f"ask {n}"),), f"fig {n}") for n in range(3)
    ]
    return {
        "prompts": published(storage, root, "prompts", PROMPTS),
        "demonstrations": published(storage, root, "demonstrations", demonstrations),
        "policies": [policy(storage, root, tmp_path, "base", 1)],
        "more_policies": [policy(storage, root, tmp_path, "sft", 2)],
    }


def label(tasks: list[Task], labelers: int) -> list[dict[str, Any]]:
    """Labels by hand: outputs as they stand, the first two tied; even labelers rank them upside
    down from the third on. Likert is 7 for the first, then 6, and so on."""
    export = []
    for number, task in enumerate(tasks):
        annotations = []
        for labeler in range(labelers):
            ids = [output.id for output in task.outputs]
            buckets = {"rank1": ids[:2], **{f"rank{n + 2}": [o] for n, o in enumerate(ids[2:])}}
            result: list[dict[str, Any]] = [
                {"from_name": f"overall_{n}", "type": "rating", "value": {"rating": 7 - n}}
                for n in range(len(ids))
            ]
            result.append(
                {"from_name": "flags_0", "type": "choices", "value": {"choices": ["fails_task"]}}
            )
            result.append({"from_name": "ranking", "type": "ranker", "value": {"ranker": buckets}})
            email = f"heldout-{labeler}@example.com" if labeler == 2 else f"l{labeler}@example.com"
            annotations.append(
                {
                    "id": number * 10 + labeler,
                    "completed_by": {"id": labeler, "email": email},
                    "result": result,
                }
            )
        export.append({"data": {"task_id": task.id}, "annotations": annotations})
    return export


def write_labels(storage: Storage, root: str, folder: Path, export: Any) -> str:
    folder.mkdir()
    (folder / "label_studio.json").write_text(json.dumps(export))
    return published_folder(storage, root, "labels", "label_studio", folder)


def test_round_trip(inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path) -> None:
    # Out: three systems, one output each.
    out, _, lines = run_small(
        export_stage.STAGE, COMPARE, inputs, storage, root, tmp_path / "export"
    )
    tasks = list(read_records(storage, out.references["tasks"], Task))
    key = list(read_records(storage, out.references["key"], KeyEntry))
    rejects = list(read_records(storage, out.references["rejects"], Reject))
    assert [(r.id, r.reason) for r in rejects] == [("p6", "too_long")]
    assert len(tasks) + len(rejects) == 7
    assert out.headline["tasks"] == len(tasks)
    assert "human_eval_export 21/21" in lines
    assert {s for entry in key for s in entry.system.split("+")} == {"base", "prompted", "sft"}
    base, sft = inputs["policies"][0], inputs["more_policies"][0]
    assert {e.model for e in key if e.system in ("base", "prompted")} == {base}
    assert {e.model for e in key if e.system == "sft"} == {sft}
    folder = download_folder(storage, out.references["export"], tmp_path / "seen")
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.xml",
        "label_studio.json",
        "tasks.csv",
    ]
    shown = "".join(path.read_text() for path in folder.iterdir()) + str(out.page)
    assert base not in shown
    assert "prompted" not in "".join(path.read_text() for path in folder.iterdir())

    # Labels, three of them broken.
    export = label(tasks, labelers=3)
    export[0]["annotations"][0]["result"][0]["from_name"] = "overall_99"
    export[1]["annotations"][1]["completed_by"] = None
    export[2]["annotations"].append(export[2]["annotations"][0])
    labels = write_labels(storage, root, tmp_path / "labels", export)

    # Back in.
    references = {
        "tasks": out.references["tasks"],
        "key": out.references["key"],
        "prompts": inputs["prompts"],
        "labels": [labels],
    }
    config = ImportConfig(heldout_labelers=("heldout-*",), resamples=100)
    back, _, _ = run_small(
        import_stage.STAGE, config, references, storage, root, tmp_path / "import"
    )
    rankings = list(read_records(storage, back.references["rankings"], Ranking))
    ratings = list(read_records(storage, back.references["ratings"], Rating))
    refused = list(read_records(storage, back.references["rejects"], Reject))
    assert sorted(r.reason for r in refused) == [
        "duplicate_annotation",
        "labeler_missing",
        "unknown_control",
    ]
    assert {r.origin for r in refused} == {labels}
    assert len(rankings) + len(refused) == 3 * len(tasks) + 1 == back.headline["annotations"]
    by_id = {task.id: task for task in tasks}
    system = {(e.task_id, e.output_id): e.system for e in key}
    for ranking in rankings:
        task = by_id[ranking.id.split("/")[0]]
        assert ranking.prompt_id == task.prompt_id
        assert ranking.split == "train"
        assert [o.text for o in ranking.outputs] == [o.text for o in task.outputs]
        assert [o.system for o in ranking.outputs] == [system[task.id, o.id] for o in task.outputs]
        assert ranking.ranks == (1, 1, 2)[: len(task.outputs)]
        assert ranking.labeler_group == ("heldout" if ranking.labeler == "2" else "training")
    assert len(ratings) == sum(len(ranking.outputs) for ranking in rankings)
    first = [r for r in ratings if r.output_id == by_id[r.task_id].outputs[0].id]
    assert {(r.likert, r.flags, r.rank) for r in first} == {(7, ("fails_task",), 1)}
    # All labelers answered alike.
    assert back.headline["agreement"] == 1.0
    assert back.headline["likert_alpha"] == pytest.approx(1.0)
    # There is one held-out labeler: nobody to agree with.
    assert "agreement_heldout" not in back.headline


def test_rankings_of_systems_do_not_become_the_latest_of_what_trains(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    found = {}
    for purpose in ("comparisons", "systems"):
        config = ExportConfig.from_mapping({**COMPARE.model_dump(), "purpose": purpose})
        place = tmp_path / purpose
        out, _, _ = run_small(export_stage.STAGE, config, inputs, storage, root, place / "out")
        tasks = list(read_records(storage, out.references["tasks"], Task))
        labels = write_labels(storage, root, place / "labels", label(tasks, 1))
        references = {**out.references, "labels": [labels]}
        # The import has no purpose to go by: what it publishes is named like its tasks.
        back, _, _ = run_small(
            import_stage.STAGE, ImportConfig(), references, storage, root, place / "back"
        )
        found[purpose] = {**out.references, **back.references}
    for name in ("tasks", "key", "rankings", "ratings"):
        assert resolve(storage, root, name) == found["comparisons"][name]
        assert resolve(storage, root, f"{name}_systems") == found["systems"][name]
        contracts = {open_manifest(storage, found[p][name]).contract for p in found}
        assert contracts == {f"{name}@1"}
    exported = resolve(storage, root, "export/label_studio_systems")
    assert exported == found["systems"]["export"]


def test_the_same_export_is_the_same_thing(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    one, _, _ = run_small(export_stage.STAGE, COMPARE, inputs, storage, root, tmp_path / "one")
    two, _, _ = run_small(export_stage.STAGE, COMPARE, inputs, storage, root, tmp_path / "two")
    assert one.references == two.references


def test_k_outputs_of_one_policy_with_prompts_of_two_splits(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    config = ExportConfig(prompts=2, also={"validation": 2}, max_new_tokens=8)
    references = {"prompts": inputs["prompts"], "policies": inputs["more_policies"]}
    out, _, _ = run_small(
        export_stage.STAGE, config, references, storage, root, tmp_path / "export"
    )
    tasks = list(read_records(storage, out.references["tasks"], Task))
    assert len(tasks) + open_manifest(storage, out.references["rejects"]).rows == 4
    assert all(2 <= len(task.outputs) <= 9 for task in tasks)
    labels = write_labels(storage, root, tmp_path / "labels", label(tasks, 1)[:0])
    references = {
        "tasks": out.references["tasks"],
        "key": out.references["key"],
        "labels": [labels],
    }
    with pytest.raises(UserError, match="none of 0 annotations"):
        run_small(
            import_stage.STAGE, ImportConfig(), references, storage, root, tmp_path / "import"
        )


def test_a_key_of_other_tasks_is_bad_input() -> None:
    task = Task("t1", "p1", (Message("user", "q"),), (BlindOutput("o1", "x"),))
    with pytest.raises(BadInput, match="key: 1 tasks have outputs"):
        import_stage.check_key({"t1": task}, {("t2", "o1"): KeyEntry("t2", "o1", "sft", "")})


def test_a_few_shot_system_needs_demonstrations(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    del inputs["demonstrations"]
    with pytest.raises(UserError, match="few_shot"):
        run_small(export_stage.STAGE, COMPARE, inputs, storage, root, tmp_path / "export")


def test_an_answer_that_fills_the_context_is_an_error(
    inputs: dict[str, Any], storage: Storage, root: str, tmp_path: Path
) -> None:
    config = ExportConfig(max_new_tokens=128)
    with pytest.raises(UserError, match="max_new_tokens: got 128"):
        run_small(export_stage.STAGE, config, inputs, storage, root, tmp_path / "export")
