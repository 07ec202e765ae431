"""The names of a stage's inputs: they stand in its KFP component, and everybody goes by them."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import components
from components.core import launch, shell
from components.core.stage import Stage

FOLDER = Path(str(components.__file__)).parent


def stages() -> list[str]:
    """The modules of all stages."""
    files = [path for path in FOLDER.glob("*/*stage.py") if path.parent.name != "core"]
    return sorted(f"components.{path.parent.name}.{path.stem}" for path in files)


class Called(Exception):
    """Ends a component where it would run its stage."""


@pytest.mark.parametrize("module", stages())
def test_a_component_hands_its_stage_what_the_shell_calls_its_inputs(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage: Stage[Any] = importlib.import_module(module).STAGE
    names = shell.input_names(stage)
    handed: dict[str, object] = {}

    def run_component(ran: str, config: str, references: dict[str, object], *_: object) -> None:
        handed.update(references, ran=ran, config=config)
        raise Called

    monkeypatch.setattr(launch, "run_component", run_component)
    folder = module.rpartition(".")[0]
    component = getattr(importlib.import_module(f"{folder}.component"), stage.name)
    given = {name: f"reference of {name}" for name in names}
    with pytest.raises(Called):
        component.python_func(config="{}", **given, manifest=None, metrics=None, page=None)
    assert handed == given | {"ran": module, "config": "{}"}


def test_the_command_refuses_a_misspelt_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "components.human_eval", "import", "--input", "task=s3://b/x/0"],
        cwd=FOLDER.parent, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith(
        "python -m components.human_eval: error: --input task=s3://b/x/0: human_eval_import has no "
        "input 'task'; it has: tasks, key, prompts, labels\n"
    )
