"""What stands for a reference: ``latest``, and ``latest-or-none``, which may find nothing yet."""

from pathlib import Path

import pytest
from faulty_s3 import FaultyS3, fails
from launching import notes
from small_stages import PROVENANCE, prompt, published, published_folder

from components.core import launch
from components.core.dataset import publish_records
from components.core.manifest import DatasetError, parse_reference
from components.core.references import Asked, resolve_inputs
from components.core.storage import MissingBucket, NotAllowed, Storage, Unreachable

NOTES = "export/notes"


def asked(value: str, optional: bool = True) -> Asked:
    return Asked("earlier", value, NOTES, optional)


def test_what_is_published_last_or_nothing(
    storage: Storage, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    wanted = [asked("latest-or-none"), Asked("rankings", "", "dataset/rankings", optional=True)]
    assert launch.resolve_references(wanted) == ("", "")
    nothing = f"no export 'notes' has been published below {root}"
    assert capsys.readouterr().out == f"input earlier stays empty: {nothing}\n"

    reference = notes(storage, root, tmp_path / "notes")
    for value in ("latest-or-none", "latest", reference, NOTES):
        assert launch.resolve_references([asked(value)]) == (reference,)
    assert launch.resolve_references([asked("latest", optional=False)]) == (reference,)
    assert capsys.readouterr().out == ""


def test_latest_is_strict_and_says_what_else_there_is(
    storage: Storage, root: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("INSTRUCTFLOW_ROOT", root)
    wanted = [
        asked("latest"),
        Asked("raw_prompts", "latest", "dataset/raw_prompts"),
        Asked("documents", "latest-or-none", "dataset/pretraining"),
    ]
    with pytest.raises(SystemExit) as caught:
        launch.resolve_references(wanted)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().out.splitlines()
    strict, required, wrong = line.removeprefix("error: resolve: ").split("; ", 2)
    assert strict == (
        f"no export 'notes' has been published below {root} (latest-or-none in place of latest "
        "leaves the input empty until there is one)"
    )
    assert required == f"no dataset 'raw_prompts' has been published below {root}"
    assert wrong == (
        "input documents: cannot be latest-or-none, as the pipeline needs it; expected a "
        "reference or latest"
    )


def test_a_name_that_nothing_has_is_an_error(storage: Storage, root: str) -> None:
    with pytest.raises(DatasetError, match=r"^no dataset 'signatures' has been .* below s3://\S+$"):
        resolve_inputs(storage, root, [asked("signatures")])


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ("dataset/signatures", "a dataset of contract signatures"),
        ("report/prompts-audit", "report/prompts-audit"),
        ("policy/base", "a policy"),
    ],
)
def test_an_input_of_another_kind_is_named(
    storage: Storage, root: str, newest: str, expected: str
) -> None:
    prompts = published(storage, root, "prompts", [prompt(1, "train")])
    for given in ("prompts@latest", prompts):
        with pytest.raises(DatasetError) as caught:
            resolve_inputs(storage, root, [Asked("earlier", given, newest, optional=True)])
        told = "dataset/prompts (contract prompts@1)"
        assert str(caught.value) == f"input earlier: {given} is {told}; expected {expected}"


def test_an_input_of_another_name_is_as_good_unless_it_is_a_report(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rows = [prompt(1, "train")]
    named = publish_records(storage, root, "prompts", rows, PROVENANCE, "prompts_of_may")
    (tmp_path / "text.txt").write_text("a text")
    policy = published_folder(storage, root, "policy", "ours", tmp_path)
    published_folder(storage, root, "report", "evaluation", tmp_path)
    wanted = [
        Asked("prompts", "prompts_of_may", "dataset/prompts"),
        Asked("base", policy, "policy/base"),
    ]
    assert resolve_inputs(storage, root, wanted).references == (named, policy)
    wrong = [
        Asked("prompts", policy, "dataset/prompts"),
        Asked("base", named, "policy/base"),
        Asked("previous_audit", "report/evaluation", "report/prompts-audit"),
    ]
    with pytest.raises(DatasetError) as caught:
        resolve_inputs(storage, root, wrong)
    of_may = "dataset/prompts_of_may (contract prompts@1)"
    assert str(caught.value) == (
        f"input prompts: {policy} is policy/ours; expected a dataset of contract prompts; "
        f"input base: {named} is {of_may}; expected a policy; "
        "input previous_audit: report/evaluation is report/evaluation; "
        "expected report/prompts-audit"
    )


def test_a_pointer_to_what_was_deleted_is_an_error(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    reference = notes(storage, root, tmp_path / "notes")
    storage.delete([f"{parse_reference(reference).prefix}/manifest.json"])
    with pytest.raises(DatasetError, match="it was deleted"):
        resolve_inputs(storage, root, [asked("latest-or-none")])


def test_a_bucket_that_is_not_there_is_an_error(storage: Storage) -> None:
    with pytest.raises(MissingBucket, match="there is no bucket 'mistyped'"):
        resolve_inputs(storage, "s3://mistyped/prefix", [asked("latest-or-none")])


def test_an_s3_that_fails_or_refuses_is_an_error(storage: Storage, root: str) -> None:
    with FaultyS3(storage.endpoint) as proxy:
        once = Storage(proxy.address, attempts=1)
        assert resolve_inputs(once, root, [asked("latest-or-none")]).references == ("",)
        for fault, error in (
            (fails(500, "InternalError"), Unreachable),
            (fails(403, "AccessDenied"), NotAllowed),
        ):
            proxy.faults += [fault]
            with pytest.raises(error):
                resolve_inputs(once, root, [asked("latest-or-none")])
    nowhere = Storage("http://127.0.0.1:9", attempts=1)
    with pytest.raises(Unreachable):
        resolve_inputs(nowhere, root, [asked("latest-or-none")])
