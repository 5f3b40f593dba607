"""The whole run, as a user starts it: small networks on real data."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

FLAGS = """
--dataset=wisconsin_breast_cancer
--model=mlp
--epochs=3
--members=5
--probe_samples=48
--permutations=199
--measures=cka.linear,procrustes.angular
--family=control: @0 activation=relu loss=binary_crossentropy
--family=tanh: @0 activation=relu loss=binary_crossentropy; @1 activation=tanh
--family=hinge: @0 activation=relu loss=binary_crossentropy; @step:12 loss=hinge
--family=sigmoid: @0 activation=relu loss=binary_crossentropy; @1 activation=sigmoid
--family=memoriser: @0 activation=relu loss=binary_crossentropy labels=random(1.0)
"""
RESULTS = ("dispersion.json", "verdict.json", "probe.npz")


@pytest.fixture(scope="module")
def flagfile(tmp_path_factory):
    path = tmp_path_factory.mktemp("flags") / "small.flags"
    path.write_text(FLAGS)
    return path


def command(flagfile, run_dir, *arguments):
    return [
        sys.executable,
        "-m",
        "akp_keras.main",
        f"--flagfile={flagfile}",
        f"--run_dir={run_dir}",
        *arguments,
    ]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def finished(flagfile, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("finished") / "RUN"
    done = run(flagfile, run_dir)
    assert done.returncode == 0, done.stderr
    return run_dir, done.stdout


def result_bytes(run_dir):
    files = [run_dir / name for name in RESULTS] + sorted((run_dir / "similarity").rglob("*.npz"))
    return {str(path.relative_to(run_dir)): path.read_bytes() for path in files}


def test_it_ends_with_a_table_and_names_what_to_look_at(finished):
    run_dir, output = finished
    for family in ("control", "tanh", "hinge", "sigmoid", "memoriser"):
        assert f"\n{family} " in output
    for layer in ("dense1", "dense2", "dense3"):
        assert f"\n{layer}: " in output
    assert str(run_dir / "report" / "index.html") in output
    assert f"tensorboard --logdir {run_dir / 'tensorboard'}" in output


def test_the_run_directory_is_laid_out_as_documented(finished):
    run_dir, _ = finished
    assert {path.name for path in run_dir.iterdir()} == {
        "experiment.json",
        "probe.npz",
        "members",
        "similarity",
        "dispersion.json",
        "verdict.json",
        "report",
        "tensorboard",
    }
    member = run_dir / "members" / "tanh" / "4"
    assert {path.name for path in member.iterdir()} == {
        "saved_model",
        "history.csv",
        "swaps.json",
        "metrics.json",
        "checksums.json",
    }
    assert not list(run_dir.rglob("*.unfinished"))
    verdicts = json.loads((run_dir / "verdict.json").read_text())["verdicts"]
    assert len(verdicts) == 3 * 2


def test_again_nothing_is_done_again_and_the_answer_is_the_same(flagfile, finished):
    run_dir, output = finished
    before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*") if path.is_file()}
    done = run(flagfile, run_dir)
    assert done.returncode == 0, done.stderr
    assert done.stdout == output
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "training" not in done.stderr


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes_with_other_workers(
    flagfile, finished, tmp_path
):
    run_dir = tmp_path / "RUN"
    process = subprocess.Popen(
        command(flagfile, run_dir, "--workers=2"), stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 600
    while not list(run_dir.glob("members/*/*/metrics.json")) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    trained = {path: path.stat().st_mtime_ns for path in run_dir.glob("members/*/*/metrics.json")}
    assert 0 < len(trained) < 25

    done = run(flagfile, run_dir, "--workers=1")
    assert done.returncode == 0, done.stderr
    assert result_bytes(run_dir) == result_bytes(finished[0])
    whole = {
        path: time_written
        for path, time_written in trained.items()
        if not path.parent.name.endswith(".unfinished")
    }
    assert {path: path.stat().st_mtime_ns for path in whole} == whole, "trained again"


def test_snapshots_change_no_member_and_show_training_over_time(flagfile, finished, tmp_path):
    run_dir = tmp_path / "RUN"
    done = run(flagfile, run_dir, "--members=2", "--snapshots=0")
    assert done.returncode == 0, done.stderr
    assert "live view stops" not in done.stderr
    for family in ("control", "tanh", "memoriser"):
        for file in ("history.csv", "metrics.json", "swaps.json"):
            path = f"members/{family}/1/{file}"
            assert (run_dir / path).read_bytes() == (finished[0] / path).read_bytes()
    taken = run_dir / "members" / "tanh" / "1" / "snapshots"
    assert {path.name for path in taken.iterdir()} == {f"dense{n}.npz" for n in (1, 2, 3)}
    logdir = run_dir / "tensorboard"
    assert (logdir / "02_training" / "projector_config.pbtxt").is_file()
    assert (logdir / "families" / "tanh" / "projector_config.pbtxt").is_file()
    assert not list(run_dir.rglob("*live*")) and not list(run_dir.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family=x: @0 activation=reluu"], "--family=x: .*did you mean 'relu'"),
        (["--probe_samples=5000"], "--probe_samples"),
        (["--epochs=x"], "epochs"),
        (["--epoch=3"], "epoch"),
        (["epochs=3"], "'epochs=3' is no flag"),
        (["--workers=0"], "--workers=0 must be at least 1"),
        (["--flagfile=none.flags"], "none.flags"),
        (["--dask_scheduler=tcp://127.0.0.1:9"], "--dask_scheduler"),
    ],
)
def test_wrong_input_ends_in_one_line_and_leaves_nothing(flagfile, tmp_path, arguments, message):
    done = run(flagfile, tmp_path / "RUN", "--workers=1", *arguments)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("akp_keras: ")
    assert re.search(message, line), line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "RUN").exists()


def test_a_damaged_member_is_named(flagfile, finished, tmp_path):

    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    file = run_dir / "members" / "tanh" / "2" / "saved_model" / "saved_model.pb"
    file.write_bytes(file.read_bytes()[:1000])
    done = run(flagfile, run_dir)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "members/tanh/2" in line
    assert "saved_model.pb is not as it was written" in line


def test_what_is_missing_or_damaged_is_made_again_to_the_same_bytes(flagfile, finished, tmp_path):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    matrices = run_dir / "similarity"
    shutil.copy(matrices / "dense1" / "cka.linear.npz", matrices / "dense2" / "cka.linear.npz")
    (matrices / "dense3" / "procrustes.angular.npz").write_bytes(b"PK")
    (run_dir / "dispersion.json").write_text("[]")
    (run_dir / "verdict.json").write_text("AKP")
    (run_dir / "report" / "index.html").write_text("")
    shutil.rmtree(run_dir / "tensorboard" / "00_models")
    (run_dir / "tensorboard" / "akp_tensorboard.json").unlink()
    for path in sorted((run_dir / "tensorboard").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    done = run(flagfile, run_dir)
    assert done.returncode == 0, done.stderr
    assert "training" not in done.stderr
    assert result_bytes(run_dir) == result_bytes(finished[0])
    projector = "tensorboard/00_models/projector_config.pbtxt"
    assert (run_dir / projector).read_bytes() == (finished[0] / projector).read_bytes()
    assert (run_dir / "report" / "index.html").read_text().rstrip().endswith("</html>")


def test_a_member_in_the_folder_of_another_is_refused(flagfile, finished, tmp_path):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    shutil.rmtree(run_dir / "members" / "tanh" / "2")
    shutil.copytree(run_dir / "members" / "hinge" / "2", run_dir / "members" / "tanh" / "2")
    done = run(flagfile, run_dir)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "members/tanh/2 holds hinge/2" in line


def test_other_flags_for_a_run_are_refused(flagfile, finished):
    done = run(flagfile, finished[0], "--epochs=4")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "--epochs=3, not 4" in line


def test_help_is_by_stage():
    done = subprocess.run(
        [sys.executable, "-m", "akp_keras.main", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "\ntraining:" in done.stdout
    assert "--learning_rate:" in done.stdout


def test_importing_the_package_and_similarity_does_not_import_tensorflow():
    code = (
        "import sys, akp_keras, akp_keras.similarity, akp_keras.main, akp_keras.experiment.run\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
