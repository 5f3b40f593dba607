import subprocess
import sys


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_tensorflow_starts_quietly_with_one_thread():
    done = run(
        "from akp_keras.tensorflow_runtime import configure_tensorflow\n"
        "configure_tensorflow(); configure_tensorflow()\n"
        "import sys, tensorflow as tf\n"
        "assert tf.config.threading.get_intra_op_parallelism_threads() == 1\n"
        "tf.add(1, 1); configure_tensorflow(); print('spoken', file=sys.stderr)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "spoken\n"


def test_other_threads_that_run_already_are_refused():
    done = run(
        "import tensorflow as tf; tf.config.threading.set_intra_op_parallelism_threads(2)\n"
        "tf.add(1, 1)\n"
        "from akp_keras.tensorflow_runtime import configure_tensorflow\n"
        "configure_tensorflow()"
    )
    assert "RuntimeError" in done.stderr
