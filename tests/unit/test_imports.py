"""What importing the packages does: nothing, and without kfp where a stage is not a KFP step."""

import ast
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PACKAGES = ("components", "data_contracts", "pipelines")

#: Imports the modules named in the arguments, and prints what that left behind.
PROBE = """
import importlib, json, logging, os, signal, sys, threading

def state():
    return {
        # But for what torch's compiler notes for itself when transformers imports it.
        "environment": {k: v for k, v in os.environ.items() if not k.startswith("TORCH")},
        "folder": [os.getcwd(), sorted(os.listdir())],
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "log": [logging.root.level, len(logging.root.handlers)],
        "seed": torch.initial_seed(),
        "threads of torch": torch.get_num_threads(),
        "type": str(torch.get_default_dtype()),
    }

import torch
before = state()
for name in sys.argv[1:]:
    importlib.import_module(name)
after = state()
changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
print(json.dumps({"changed": changed, "loaded": sorted({m.split(".")[0] for m in sys.modules})}))
"""


def modules() -> list[str]:
    """Every module, but those that are run and not imported."""
    files = [path for package in PACKAGES for path in (TOP / package).rglob("*.py")]
    names = [path.relative_to(TOP).with_suffix("").parts for path in files]
    return sorted(".".join(parts) for parts in names if parts[-1] not in ("__init__", "__main__"))


def imported(names: list[str], folder: Path) -> tuple[dict[str, object], set[str]]:
    """What the imports change in a fresh interpreter in an empty folder, and what they load."""
    command = [sys.executable, "-c", PROBE, *names]
    environment = {"PYTHONPATH": str(TOP), "PATH": "", "HOME": str(folder)}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    return answer["changed"], set(answer["loaded"])


def test_importing_has_no_side_effect_and_stages_do_not_load_kfp_or_mlflow(tmp_path: Path) -> None:
    stages = [
        name
        for name in modules()
        if name.startswith(("components.", "data_contracts.")) and not name.endswith(".component")
    ]
    changed, loaded = imported(stages, tmp_path)
    assert changed == {}
    assert not {"kfp", "mlflow", "great_expectations", "pyspark", "spacy"} & loaded


def test_only_components_import_kfp() -> None:
    importers = set()
    for path in (TOP / "components").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if "kfp" in {name.partition(".")[0] for name in names}:
                importers.add(path.name)
    assert importers == {"component.py"}


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed_for_those_who_import_them(package: str) -> None:
    assert (resources.files(package) / "py.typed").is_file()
