"""Runs the stage on published raw prompts; a process by itself.

``preparation_here.py REFERENCE ROOT FOLDER MEMORY_MB``: prints CPU seconds, peak memory and counts
as JSON. S3 comes from the environment.
"""

import json
import sys
import time
from pathlib import Path

from process_memory import peak_mb
from small_stages import run_small

from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.stage import STAGE


def main(reference: str, root: str, folder: Path, memory_mb: int) -> None:
    config = PromptsConfig(memory_mb=memory_mb)
    storage = Storage.from_environment()
    begun, started = time.process_time(), time.monotonic()
    outputs, _, _ = run_small(STAGE, config, {"raw_prompts": reference}, storage, root, folder)
    report = {
        "cpu": round(time.process_time() - begun, 1),
        "wall": round(time.monotonic() - started, 1),
        "peak_mb": peak_mb(),
        "raw": outputs.headline["raw"],
        "kept": outputs.headline["kept"],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:3], Path(sys.argv[3]), int(sys.argv[4]))
