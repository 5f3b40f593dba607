"""One finished run, small networks on real data, for all tests that look at one or spoil a copy."""

import contextlib
import fcntl
import io

import pytest

from akp_keras import executors
from akp_keras.main import main
from akp_keras.steps import local

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
def started_process():
    """An executor with a process in which TensorFlow starts once for all runs of the tests."""
    with executors.open_executor(1) as executor:
        yield executor


@pytest.fixture(scope="session")
def open_started(started_process):
    """What opens an executor, where not a cluster is asked for that of the started process."""

    def open_executor(workers, dask_scheduler=None):
        if dask_scheduler is None:
            return contextlib.nullcontext(started_process)
        return executors.open_executor(workers, dask_scheduler)

    return open_executor


@pytest.fixture
def runs_share_a_process(monkeypatch, open_started):
    """Runs that this process starts do their heavy work in a single other process."""
    monkeypatch.setattr(local, "open_executor", open_started)


@pytest.fixture(scope="session")
def finished(flagfile, open_started, tmp_path_factory, worker_id):
    """The run directory, whose name TensorFlow would take for a pattern, and what was printed.

    The first worker of pytest that asks for it makes it, for the others too.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder if worker_id == "master" else folder.parent) / "finished"
    folder.mkdir(exist_ok=True)
    run_dir, printed = folder / "run[1]", folder / "printed.txt"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            with (
                pytest.MonkeyPatch.context() as patch,
                contextlib.redirect_stdout(io.StringIO()) as out,
            ):
                patch.setattr(local, "open_executor", open_started)
                assert main([f"--flagfile={flagfile}", f"--run_dir={run_dir}"]) == 0
            printed.write_text(out.getvalue())
    return run_dir, printed.read_text()
