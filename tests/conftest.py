"""What must be set before NumPy and TensorFlow are loaded, in pytest's workers too."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A worker of pytest is on every core. The threads of several BLASes would wait for each other
# there, which takes several times as long as the products of these small matrices.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def pytest_collection_finish():
    """Keeps what the tests' modules imported, TensorFlow among it, out of garbage collections."""
    gc.freeze()
