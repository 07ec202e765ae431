"""``python -m components.promotion``: the stage from a shell."""

from components.core.shell import main
from components.promotion.stage import STAGE

if __name__ == "__main__":
    main(STAGE)
