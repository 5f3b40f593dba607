import subprocess
import sys

import pytest

import akp_keras.tensorboard


def test_importing_the_package_imports_nothing_heavy():
    program = (
        "import sys, akp_keras.tensorboard\n"
        "heavy = {'tensorflow', 'keras', 'tensorboard', 'numpy', 'scipy', 'sklearn', 'skbio'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "from akp_keras.tensorboard import write_experiment, write_projector\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split("\n")[:2] == ["[]", "[]"]


def test_what_is_exported_is_there():
    for name in akp_keras.tensorboard.__all__:
        assert callable(getattr(akp_keras.tensorboard, name))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="write_projektor"):
        akp_keras.tensorboard.write_projektor  # noqa: B018
