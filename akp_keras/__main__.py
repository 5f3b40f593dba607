"""`python -m akp_keras COMMAND`: the command `akp`, where it is not on the path."""

import sys

from akp_keras.main import akp

if __name__ == "__main__":
    sys.exit(akp())
