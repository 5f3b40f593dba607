"""A small experiment, and what `akp_keras.main` makes of it."""

import pytest

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
def run_of_main(flagfile, run_main, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("main") / "RUN"
    run_main(flagfile, run_dir)
    return run_dir
