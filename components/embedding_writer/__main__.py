"""The step as a command: `python -m components.embedding_writer --help`."""

import sys

from akp_keras.steps.command import run_step
from akp_keras.steps.embedding_writer import EMBEDDING_WRITER

if __name__ == "__main__":
    sys.exit(run_step(EMBEDDING_WRITER, sys.argv[1:], program="components.embedding_writer"))
