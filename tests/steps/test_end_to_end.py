"""The whole run, as a user starts it: small networks on real data."""

import contextlib
import dataclasses
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

import akp_keras
from akp_keras.export import member_folder, read_member, write_member
from akp_keras.files.whole import write_json
from akp_keras.main import main
from akp_keras.steps.run_directory import RunDirectory

pytestmark = pytest.mark.usefixtures("runs_share_a_process")

RESULTS = ("dispersion.json", "principle.json", "verdict.json", "probe.npz")


def command(flagfile, run_dir, *arguments):
    return [
        sys.executable,
        "-m",
        "akp_keras.main",
        f"--flagfile={flagfile}",
        f"--run_dir={run_dir}",
        *arguments,
    ]


def refused(capsys, *arguments):
    """Runs the command in this process; returns the one line with which it ends."""
    assert main(command(*arguments)[3:]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.strip().splitlines()
    return line


def run_as_users_do(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=900)


def run(*arguments):
    """Runs the command in this process, which need not import everything again."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        returncode = main(command(*arguments)[3:])
    return subprocess.CompletedProcess(arguments, returncode, out.getvalue(), err.getvalue())


def result_bytes(run_dir):
    files = [run_dir / name for name in RESULTS] + sorted((run_dir / "similarity").rglob("*.npz"))
    return {str(path.relative_to(run_dir)): path.read_bytes() for path in files}


def test_it_ends_with_a_table_and_names_what_to_look_at(finished):
    run_dir, output = finished
    for family in ("control", "swapped"):
        assert f"\n{family} " in output
    for layer in ("dense1", "dense2", "dense3"):
        assert f"\n{layer}: " in output
    assert str(run_dir / "report" / "index.html") in output
    assert f"tensorboard --logdir {shlex.quote(str(run_dir / 'tensorboard'))}" in output


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
        "principle.json",
        "verdict.json",
        "report",
        "tensorboard",
        ".representations",
    }
    member = run_dir / "members" / "swapped" / "1"
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


@pytest.fixture(scope="module")
def resumed(flagfile, tmp_path_factory):
    """A run with snapshots and two workers, killed in the middle and run again with one worker."""
    run_dir = tmp_path_factory.mktemp("resumed") / "RUN"
    process = subprocess.Popen(
        command(flagfile, run_dir, "--workers=2", "--snapshots=0"),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 600
    while not list(run_dir.glob("members/*/*/checksums.json")) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    trained = {path: path.stat().st_mtime_ns for path in run_dir.glob("members/*/*/checksums.json")}
    assert 0 < len(trained) < 4
    done = run(flagfile, run_dir, "--snapshots=0")
    assert done.returncode == 0, done.stderr
    assert "live view stops" not in done.stderr
    return run_dir, trained


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(finished, resumed):
    run_dir, trained = resumed
    assert result_bytes(run_dir) == result_bytes(finished[0])
    whole = {
        path: time_written
        for path, time_written in trained.items()
        if not path.parent.name.endswith(".unfinished")
    }
    assert {path: path.stat().st_mtime_ns for path in whole} == whole, "trained again"


def test_snapshots_change_no_member_and_show_training_over_time(finished, resumed):
    run_dir, _ = resumed
    for family in ("control", "swapped"):
        with_them, without = (
            read_member(run / "members" / family / "1") for run in (run_dir, finished[0])
        )
        assert with_them.settings["snapshots"] == "0,1"
        assert dataclasses.replace(with_them, settings=without.settings) == without
    taken = run_dir / "members" / "swapped" / "1" / "snapshots"
    assert {path.name for path in taken.iterdir()} == {f"dense{n}.npz" for n in (1, 2, 3)}
    logdir = run_dir / "tensorboard"
    assert (logdir / "02_training" / "projector_config.pbtxt").is_file()
    assert (logdir / "families" / "swapped" / "projector_config.pbtxt").is_file()
    assert not list(run_dir.rglob("*live*"))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--family=x: @0 activation=reluu", "--family=x: .*did you mean 'relu'"),
        ("--epochs=x", "epochs"),
        ("--epoch=3", "epoch"),
        ("epochs=3", "'epochs=3' is not a flag"),
        ("--workers=0", "--workers=0 must be from 1"),
        ("--flagfile=none.flags", "none.flags"),
    ],
)
def test_wrong_flags_end_in_one_line_and_leave_nothing(
    flagfile, tmp_path, capsys, argument, message
):
    line = refused(capsys, flagfile, tmp_path / "RUN", argument)
    assert line.startswith("akp_keras: ")
    assert re.search(message, line), line
    assert not (tmp_path / "RUN").exists()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--probe_samples=5000", "--probe_samples=5000"),
        ("--dask_scheduler=tcp://127.0.0.1:9", ".*no Dask scheduler answers there"),
    ],
)
def test_what_only_the_work_shows_ends_in_one_line_and_leaves_nothing(
    flagfile, tmp_path, flag, message
):
    done = run(flagfile, tmp_path / "RUN", flag)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert re.match(f"akp_keras: {message}", line), line
    assert not (tmp_path / "RUN").exists()


def test_a_damaged_member_is_named(flagfile, finished, tmp_path, capsys):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    file = run_dir / "members" / "swapped" / "1" / "saved_model" / "saved_model.pb"
    file.write_bytes(file.read_bytes()[:1000])
    line = refused(capsys, flagfile, run_dir)
    assert "members/swapped/1" in line
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


def test_a_member_in_the_folder_of_another_is_refused(flagfile, finished, tmp_path, capsys):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    shutil.rmtree(run_dir / "members" / "swapped" / "1")
    shutil.copytree(run_dir / "members" / "control" / "1", run_dir / "members" / "swapped" / "1")
    assert "members/swapped/1 holds control/1" in refused(capsys, flagfile, run_dir)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--epochs=4", "--epochs=2, not 4"),
        ("--seed=1", "--seed=0, not 1"),
        ("--dataset=synthetic_cells", "--dataset=wisconsin_breast_cancer, not synthetic_cells"),
        ("--snapshots=0", "--snapshots=, not 0,1"),
    ],
)
def test_what_would_make_members_incomparable_is_refused(
    flagfile, finished, capsys, argument, message
):
    line = refused(capsys, flagfile, finished[0], argument)
    assert f"holds members trained with {message}, so members could not be compared" in line


def test_another_schedule_under_an_old_name_is_refused(flagfile, finished, tmp_path, capsys):
    changed = tmp_path / "changed.flags"
    changed.write_text(flagfile.read_text().replace("@1 activation=tanh", "@1 activation=elu"))
    line = refused(capsys, changed, finished[0])
    assert (
        "--family='swapped: " in line
        and "@1 activation=elu" in line
        and "members could not" in line
    )


def test_a_member_trained_with_other_settings_is_refused(
    flagfile, finished, tmp_path, capsys, monkeypatch
):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    place = run_dir / "members" / "swapped" / "1"
    # As a run with another number of epochs would have left it.
    record = dataclasses.replace(read_member(place), settings={"epochs": 3})
    model = place / "saved_model"
    monkeypatch.setattr(
        member_folder,
        "save_member",
        lambda path, _, *, layers, description: [
            shutil.copytree(model, path),
            write_json(
                path / "assets.extra" / "akp.json",
                {"format_version": 1, **description, "layers": list(layers)},
            ),
        ],
    )
    write_member(tmp_path / "other", record, None, description={})
    shutil.rmtree(place)
    shutil.copytree(tmp_path / "other", place)
    line = refused(capsys, flagfile, run_dir)
    assert "members/swapped/1 was trained with --batch_size=None, not 32; remove it and run" in line


def test_a_finished_run_grows_to_what_its_members_give_afresh(flagfile, finished, tmp_path):
    grown, fresh = tmp_path / "grown", tmp_path / "fresh"
    shutil.copytree(finished[0], grown)
    before = {path: path.stat().st_mtime_ns for path in grown.glob("members/*/*/checksums.json")}
    more = [
        "--members=3",
        "--family=late members=1: @0 activation=relu loss=binary_crossentropy; @1 activation=gelu",
        "--measures=cka.linear,cka.linear.debiased",
        "--alpha=0.1",
        "--permutations=299",
    ]
    done = run(flagfile, grown, *more)
    assert done.returncode == 0, done.stderr
    assert re.search(r"training members +7/7", done.stderr)
    assert len(before) == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before, "trained again"
    assert len(list(grown.glob("members/*/*/checksums.json"))) == 7

    # A run that has nothing but its members yet.
    shutil.copytree(grown / "members", fresh / "members")
    shutil.copy(grown / "experiment.json", fresh)
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
    tested = json.loads((run_dir / "dispersion.json").read_text())
    assert {entry["alpha"] for entry in tested} == {0.1}
    # And back again: the bytes are those of before.
    assert run(flagfile, run_dir).returncode == 0
    assert result_bytes(run_dir) == result_bytes(finished[0])


@pytest.mark.parametrize(
    ("changed", "step"),
    [({"members": 3}, "family_trainer"), ({"alpha": 0.1}, "dispersion_test")],
)
def test_a_run_whose_growth_was_interrupted_is_not_finished(finished, tmp_path, changed, step):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    assert akp_keras.open_run(run_dir).settings.members == 2
    directory = RunDirectory(run_dir)
    directory.write_experiment(dataclasses.replace(directory.read_experiment(), **changed))
    with pytest.raises(ValueError, match=f"is not finished: {step} has yet to run"):
        akp_keras.open_run(run_dir)


def test_records_that_are_damaged_or_of_another_version_run_the_steps_again(
    flagfile, finished, tmp_path
):
    run_dir = tmp_path / "RUN"
    shutil.copytree(finished[0], run_dir)
    records = json.loads((run_dir / "steps.json").read_text())
    changed = {**records, "probe_set": [], "similarity_evaluator": {"files": []}}
    changed["dispersion_test"] = records["dispersion_test"] | {"code_version": "0" * 16}
    (run_dir / "steps.json").write_text(json.dumps(changed))
    before = (run_dir / "dispersion.json").stat().st_mtime_ns
    assert run(flagfile, run_dir).returncode == 0
    assert json.loads((run_dir / "steps.json").read_text()) == records
    assert (run_dir / "dispersion.json").stat().st_mtime_ns > before
    assert result_bytes(run_dir) == result_bytes(finished[0])


def test_help_is_by_stage(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "\ntraining:" in printed
    assert "--learning_rate:" in printed


def test_importing_the_package_and_similarity_imports_nothing_heavy():
    code = (
        "import sys, akp_keras, akp_keras.similarity\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules)\n"
        "import akp_keras.main, akp_keras.steps.local\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
