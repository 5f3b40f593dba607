"""What Bazel runs for a folder of tests: pytest with the arguments of the target."""

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(sys.argv[1:]))
