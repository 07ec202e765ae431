"""``python -m components.reward_model``: the stage from a shell."""

from components.core.shell import main
from components.reward_model.stage import STAGE

if __name__ == "__main__":
    main(STAGE)
