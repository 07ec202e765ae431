"""What exported tasks lead to: their key, prompts and policies; and what of it is missing."""

from pathlib import Path

import pytest
from small_stages import prompt, published, published_folder

from components.core import work
from components.core.dataset import Provenance, publish_folder, publish_records
from components.core.records import BlindOutput, Document, KeyEntry, Message, Task
from components.core.storage import Storage
from components.human_eval.origin import Origin, origin_of, resolve_returned


@pytest.fixture
def exported(storage: Storage, root: str, tmp_path: Path) -> dict[str, str]:
    """References of an export as the stage leaves it: ``tasks`` and what belongs to them."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "config.json").write_text("{}")
    found = {
        "prompts": published(storage, root, "prompts", [prompt(1, "train")]),
        "sft": published_folder(storage, root, "policy", "sft", tmp_path / "policy"),
        "key": published(storage, root, "key", [KeyEntry("t1", "o1", "sft", "")]),
    }
    made = Provenance(parents=(found["prompts"], found["sft"]), work="a" * 64)
    outputs = (BlindOutput("o1", "x"), BlindOutput("o2", "y"))
    task = Task("t1", "p1", (Message("user", "q"),), outputs)
    found["tasks"] = publish_records(storage, root, "tasks", [task], made)
    done = work.WorkRecord(
        work="a" * 64, stage="human_eval_export", label="human_eval_export", run="r", seconds=1,
        figures={}, outputs={"tasks": found["tasks"], "key": found["key"]},
    )  # fmt: skip
    work.save(storage, root, done)
    return found


def test_tasks_lead_to_what_they_were_exported_with(
    storage: Storage, root: str, exported: dict[str, str]
) -> None:
    expected = Origin(exported["key"], exported["prompts"], (exported["sft"],))
    assert origin_of(storage, root, exported["tasks"]) == expected


def test_what_is_not_given_is_that_of_the_tasks(
    storage: Storage,
    root: str,
    exported: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    # Nothing is there yet but the tasks: all that is missing is told in one line.
    with pytest.raises(SystemExit):
        resolve_returned("latest", "", "", "latest", ["latest"], ["policy/ppo"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("error: resolve: ")
    for missing in ("no dataset 'pretraining'", "no labels 'labels'", "no policy 'ppo'"):
        assert missing in line

    documents = published(storage, root, "pretraining", [Document("d", "A text.", "train")])
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "label_studio.json").write_text("[]")
    labels = publish_folder(
        storage, root, "labels", "labels", tmp_path / "labels", Provenance(run="publish")
    )
    rest = (documents, [labels], [exported["sft"]])
    of_tasks = (exported["tasks"], exported["key"], exported["prompts"], *rest)
    assert resolve_returned("latest", "", "", "latest", ["latest"], []) == of_tasks
    # What is given is taken.
    other = published(storage, root, "key", [KeyEntry("t2", "o1", "sft", "")])
    given = resolve_returned("tasks", "latest", "", "latest", [labels], ["policy/sft"])
    assert given == (exported["tasks"], other, *of_tasks[2:])


def test_nothing_of_it_may_be_none(
    storage: Storage,
    root: str,
    exported: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    none = "latest-or-none"
    with pytest.raises(SystemExit):
        resolve_returned(none, none, none, none, [none], [none])
    problems = capsys.readouterr().out.removeprefix("error: resolve: ").split("; input")
    names = ("tasks", "key", "prompts_dataset", "documents", "labels", "policies")
    assert [text.removeprefix("input").split(":")[0].strip() for text in problems] == [*names]
    assert all("cannot be latest-or-none" in text for text in problems)


def test_tasks_that_came_from_elsewhere_need_the_rest(
    storage: Storage,
    root: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    outputs = (BlindOutput("o1", "x"), BlindOutput("o2", "y"))
    published(storage, root, "tasks", [Task("t1", "p1", (Message("user", "q"),), outputs)])
    with pytest.raises(SystemExit):
        resolve_returned("latest", "", "", "", [], [])
    told = capsys.readouterr().out
    for name in ("key", "prompts_dataset", "policies"):
        assert f"--input {name}=REFERENCE" in told
