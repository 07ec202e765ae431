"""``python -m components.prompts``: the stage from a shell."""

from components.core.shell import main
from components.prompts.stage import STAGE

if __name__ == "__main__":
    main(STAGE)
