"""``python -m components.human_eval export|import``: the stages from a shell."""

import sys
from typing import Any

from components.core.shell import main
from components.core.stage import Stage
from components.human_eval import export_stage, import_stage

if __name__ == "__main__":
    stages: dict[str, Stage[Any]] = {"export": export_stage.STAGE, "import": import_stage.STAGE}
    chosen = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if chosen not in stages:
        sys.exit("usage: python -m components.human_eval export|import [--config C] [--input I]")
    main(stages[chosen])
