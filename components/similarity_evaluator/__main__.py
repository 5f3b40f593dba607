"""The step as a command: `python -m components.similarity_evaluator --help`."""

import sys

from akp_keras.steps.command import run_step
from akp_keras.steps.similarity_evaluator import SIMILARITY_EVALUATOR

if __name__ == "__main__":
    sys.exit(
        run_step(SIMILARITY_EVALUATOR, sys.argv[1:], program="components.similarity_evaluator")
    )
