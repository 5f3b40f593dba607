"""The whole run, as a user starts it: small networks on real data."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from akp_keras.export import read_member

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
        "steps.json",
        "probe.npz",
        "data.json",
        "members",
        "similarity",
        "similarity.csv",
        "similarity.parquet",
        "summary.json",
        "dispersion.json",
        "verdict.json",
        "report",
        "tensorboard",
    }
    member = run_dir / "members" / "tanh" / "4"
    assert {path.name for path in member.iterdir()} == {
        "saved_model",
        "history.csv",
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
    while not list(run_dir.glob("members/*/*/checksums.json")) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    trained = {path: path.stat().st_mtime_ns for path in run_dir.glob("members/*/*/checksums.json")}
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
        with_them, without = (
            read_member(run / "members" / family / "1") for run in (run_dir, finished[0])
        )
        assert with_them.settings["snapshots"] == "0,2"
        assert dataclasses.replace(with_them, settings=without.settings) == without
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
        (["epochs=3"], "'epochs=3' is not a flag"),
        (["--workers=0"], "--workers=0 must be from 1"),
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


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--epochs=4", "--epochs=3, not 4"),
        ("--seed=1", "--seed=0, not 1"),
        ("--dataset=synthetic_cells", "--dataset=wisconsin_breast_cancer, not synthetic_cells"),
        ("--snapshots=1", "--snapshots=, not 1,2"),
    ],
)
def test_what_would_make_members_incomparable_is_refused(flagfile, finished, argument, message):
    done = run(flagfile, finished[0], argument)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert f"holds members trained with {message}, so members could not be compared" in line


def test_another_schedule_under_an_old_name_is_refused(flagfile, finished, tmp_path):
    changed = tmp_path / "changed.flags"
    changed.write_text(flagfile.read_text().replace("@1 activation=tanh", "@2 activation=tanh"))
    done = run(changed, finished[0])
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "--family='tanh: " in line and "@2 activation=tanh', and they could not" in line


def test_a_member_trained_with_other_settings_is_refused(flagfile, finished, tmp_path):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    other = run_dir / "members" / "tanh" / "3"
    shutil.rmtree(other)
    trained = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "akp_keras",
                "family_trainer",
                f"--output={tmp_path / 'other'}",
            ),
            "--family=tanh: @0 activation=relu loss=binary_crossentropy; @1 activation=tanh",
            *("--dataset=wisconsin_breast_cancer", "--model=mlp", "--epochs=2", "--workers=1"),
            *("--first_member=3", "--members=1"),
        ],
        capture_output=True,
        text=True,
    )
    assert trained.returncode == 0, trained.stderr
    shutil.copytree(tmp_path / "other" / "tanh" / "3", other)
    done = run(flagfile, run_dir)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "members/tanh/3 was trained with --epochs=2, not 3; remove it and run again" in line


def test_a_finished_run_grows_to_the_bytes_of_a_fresh_one(flagfile, finished, tmp_path):
    grown, fresh = tmp_path / "grown", tmp_path / "fresh"
    shutil.copytree(finished[0], grown)
    before = {path: path.stat().st_mtime_ns for path in grown.glob("members/*/*/checksums.json")}
    more = [
        "--members=6",
        "--family=late: @0 activation=relu loss=binary_crossentropy; @2 activation=gelu",
        "--measures=cka.linear,procrustes.angular,cka.linear.debiased",
        "--alpha=0.1",
        "--permutations=299",
    ]
    done = run(flagfile, grown, *more)
    assert done.returncode == 0, done.stderr
    assert re.search(r"training members +36/36", done.stderr)
    assert len(before) == 25
    assert {path: path.stat().st_mtime_ns for path in before} == before, "trained again"
    assert len(list(grown.glob("members/*/*/checksums.json"))) == 36

    again = run(flagfile, fresh, *more)
    assert again.returncode == 0, again.stderr
    assert result_bytes(grown) == result_bytes(fresh)
    assert done.stdout.replace(str(grown), str(fresh)) == again.stdout
    assert json.loads((grown / "experiment.json").read_text()) == json.loads(
        (fresh / "experiment.json").read_text()
    )


def test_another_error_rate_tests_again_and_compares_nothing_again(flagfile, finished, tmp_path):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    kept = [run_dir / "probe.npz", *run_dir.glob("similarity/*/*"), *run_dir.glob("members/*/*/*")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    done = run(flagfile, run_dir, "--alpha=0.1")
    assert done.returncode == 0, done.stderr
    assert "training" not in done.stderr and "representations" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "alpha = 0.1" in done.stdout
    # And back again: the bytes are those of before.
    assert run(flagfile, run_dir).returncode == 0
    assert result_bytes(run_dir) == result_bytes(finished[0])


def test_help_is_by_stage():
    done = subprocess.run(
        [sys.executable, "-m", "akp_keras.main", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "\ntraining:" in done.stdout
    assert "--learning_rate:" in done.stdout


def test_importing_the_package_and_similarity_imports_nothing_heavy():
    code = (
        "import sys, akp_keras, akp_keras.similarity\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules)\n"
        "import akp_keras.main, akp_keras.steps.local\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
