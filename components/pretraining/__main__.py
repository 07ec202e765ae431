"""``python -m components.pretraining``: the stage from a shell."""

from components.core.shell import main
from components.pretraining.stage import STAGE

if __name__ == "__main__":
    main(STAGE)
