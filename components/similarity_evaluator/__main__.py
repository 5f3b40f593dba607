"""The step as a command: `python -m components.similarity_evaluator --help`."""

import sys

from akp_keras.main import run_component

if __name__ == "__main__":
    sys.exit(run_component("similarity_evaluator"))
