"""The step as a command: `python -m components.dispersion_test --help`."""

import sys

from akp_keras.steps.command import run_step
from akp_keras.steps.dispersion_test import DISPERSION_TEST

if __name__ == "__main__":
    sys.exit(run_step(DISPERSION_TEST, sys.argv[1:], program="components.dispersion_test"))
