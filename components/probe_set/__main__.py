"""The step as a command: `python -m components.probe_set --help`."""

import sys

from akp_keras.steps.command import run_step
from akp_keras.steps.probe_set import PROBE_SET

if __name__ == "__main__":
    sys.exit(run_step(PROBE_SET, sys.argv[1:], program="components.probe_set"))
