"""TFX and Kubeflow build pipelines on machines that need not have TensorFlow."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[3]


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT
    )


def test_the_unit_tests_of_the_tfx_component_need_no_tensorflow():
    pytest.importorskip("ml_metadata", reason="the extra 'tfx' is missing")
    done = run(
        "import sys, pytest\n"
        "sys.modules['tensorflow'] = None\n"
        "code = pytest.main(['-q', '-p', 'no:cacheprovider', *sys.argv[1:]])\n"
        "assert 'keras' not in sys.modules\n"
        "sys.exit(code)",
        *(
            f"tests/components/similarity_evaluator/test_{it}.py"
            for it in ("component", "executor")
        ),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[1-9]\d* passed", done.stdout)
    assert "skipped" not in done.stdout


def test_only_asking_a_model_imports_tensorflow():
    done = run(
        "import sys\n"
        "import components.similarity_evaluator.kubeflow, akp_keras.steps.similarity_evaluator\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


def test_it_imports_neither_training_nor_data():
    done = run(
        "import sys, akp_keras.comparison\n"
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('akp_keras.')}\n"
        "print(sorted(rooms & {'training', 'data', 'models', 'experiment', 'hotswap'}))"
    )
    assert done.stdout == "[]\n", done.stderr
