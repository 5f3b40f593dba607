"""The step as a command: `python -m components.family_trainer --help`."""

import sys

from akp_keras.steps.command import run_step
from akp_keras.steps.family_trainer import FAMILY_TRAINER

if __name__ == "__main__":
    sys.exit(run_step(FAMILY_TRAINER, sys.argv[1:], program="components.family_trainer"))
