"""The step as a command: `python -m components.report --help`."""

import sys

from akp_keras.steps.command import run_step
from akp_keras.steps.report import REPORT_STEP

if __name__ == "__main__":
    sys.exit(run_step(REPORT_STEP, sys.argv[1:], program="components.report"))
