import subprocess
import sys

import pytest

from akp_keras import tensorflow_runtime


def test_tensorflow_starts_quietly_with_one_thread():
    code = (
        "from akp_keras.tensorflow_runtime import configure_tensorflow\n"
        "configure_tensorflow(); configure_tensorflow()\n"
        "import sys, tensorflow as tf\n"
        "assert tf.config.threading.get_intra_op_parallelism_threads() == 1\n"
        "tf.add(1, 1); configure_tensorflow(); print('spoken', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "spoken\n"


def test_other_threads_that_run_already_are_refused(monkeypatch):
    import tensorflow as tf

    tf.add(1, 1)
    running = tf.config.threading.get_intra_op_parallelism_threads()
    monkeypatch.setattr(tensorflow_runtime, "THREADS", running + 1)
    with pytest.raises(RuntimeError):
        tensorflow_runtime.configure_tensorflow()
