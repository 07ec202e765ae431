"""``python -m components.sft``: the stage from a shell."""

from components.core.shell import main
from components.sft.stage import STAGE

if __name__ == "__main__":
    main(STAGE)
