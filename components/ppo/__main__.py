"""``python -m components.ppo``: the stage from a shell."""

from components.core.shell import main
from components.ppo.stage import STAGE

if __name__ == "__main__":
    main(STAGE)
