"""``python -m components.evaluation``: the stage from a shell."""

from components.core.shell import main
from components.evaluation.stage import STAGE

if __name__ == "__main__":
    main(STAGE)
