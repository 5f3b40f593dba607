"""What must be set before NumPy and TensorFlow are loaded, in pytest's workers too."""

import gc
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A worker of pytest is on every core. The threads of several BLASes would wait for each other
# there, which takes several times as long as the products of these small matrices.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# Their files take longest: begun last, one of them would keep the other workers waiting.
LONGEST_FIRST = ("experiment", "pipelines", "components", "hotswap")


def pytest_collection_modifyitems(items):
    rank = {folder: place for place, folder in enumerate(LONGEST_FIRST)}
    tests = Path(__file__).parent
    items.sort(key=lambda item: rank.get(item.path.relative_to(tests).parts[0], len(rank)))


def pytest_collection_finish():
    """Keeps what the tests' modules imported, TensorFlow among it, out of garbage collections."""
    gc.freeze()
