"""One finished run, small networks on real data, for all tests that look at one or spoil a copy."""

import pytest

FLAGS = """
--dataset=wisconsin_breast_cancer
--model=mlp
--epochs=2
--members=2
--workers=1
--probe_samples=48
--permutations=199
--measures=cka.linear,procrustes.angular
--family=control: @0 activation=relu loss=binary_crossentropy
--family=swapped: @0 activation=relu loss=mse labels=random(0.5); @1 activation=tanh loss=hinge
"""


@pytest.fixture(scope="session")
def flagfile(tmp_path_factory):
    path = tmp_path_factory.mktemp("flags") / "small.flags"
    path.write_text(FLAGS)
    return path


@pytest.fixture(scope="session")
def finished(flagfile, run_main, tmp_path_factory):
    """The run directory, whose name TensorFlow would take for a pattern, and what was printed."""
    run_dir = tmp_path_factory.mktemp("finished") / "run[1]"
    return run_dir, run_main(flagfile, run_dir)
