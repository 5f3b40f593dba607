"""A small experiment, and what `akp_keras.main` makes of it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = """
--dataset=wisconsin_breast_cancer
--model=mlp
--epochs=2
--members=5
--max_samples=128
--probe_samples=48
--permutations=199
--measures=cka.linear,procrustes.angular
--family=control: @0 activation=relu loss=binary_crossentropy
--family=tanh: @0 activation=relu loss=binary_crossentropy; @1 activation=tanh
--family=memoriser: @0 activation=relu loss=binary_crossentropy labels=random(1.0)
"""


@pytest.fixture(scope="session")
def flagfile(tmp_path_factory):
    path = tmp_path_factory.mktemp("flags") / "small.flags"
    path.write_text(FLAGS)
    return path


@pytest.fixture(scope="session")
def run_of_main(flagfile, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("main") / "RUN"
    done = subprocess.run(
        [sys.executable, "-m", "akp_keras.main", f"--flagfile={flagfile}", f"--run_dir={run_dir}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return run_dir
