"""``python -m components.sandbox world|labelers|gold``: one of the stages from a shell."""

import sys
from typing import Any

from components.core.shell import main
from components.core.stage import Stage
from components.sandbox import gold_stage, labelers_stage, world_stage

if __name__ == "__main__":
    stages: dict[str, Stage[Any]] = {
        "world": world_stage.STAGE,
        "labelers": labelers_stage.STAGE,
        "gold": gold_stage.STAGE,
    }
    if len(sys.argv) < 2 or sys.argv[1] not in stages:
        print(f"usage: python -m components.sandbox {{{','.join(stages)}}} ...", file=sys.stderr)
        sys.exit(2)
    main(stages[sys.argv.pop(1)])
