"""Kinds of faults at which runs once went wrong silently, or ended in a traceback."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from akp_keras.comparison import layers
from akp_keras.executors import open_executor
from akp_keras.failures import WorkFailed
from akp_keras.files.locks import locked_folder
from akp_keras.main import main
from akp_keras.steps import family_trainer
from akp_keras.steps.command import run_step
from akp_keras.steps.probe_set import PROBE_SET
from akp_keras.steps.similarity_evaluator import SIMILARITY_EVALUATOR

pytestmark = pytest.mark.usefixtures("runs_share_a_process")


@pytest.fixture
def run_dir(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "RUN")
    return tmp_path / "RUN"


@pytest.fixture
def end(flagfile, run_dir, capsys):
    """Runs the experiment in this process; returns its exit code and the line that it ends with."""

    def call(*arguments):
        code = main([f"--flagfile={flagfile}", f"--run_dir={run_dir}", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err.strip().splitlines()[-1]

    return call


def test_1_members_of_two_versions_of_keras_are_not_compared(end, run_dir, monkeypatch):
    trained_with = json.loads(
        (run_dir / "members/control/0/saved_model/assets.extra/akp.json").read_text()
    )["versions"]
    monkeypatch.setattr(
        family_trainer, "training_versions", lambda: trained_with | {"keras": "3.3.0"}
    )
    code, _, line = end("--members=3")
    assert code == 2
    assert (
        f"members/control/0 was trained with keras {trained_with['keras']}, and 3.3.0 is installed"
    ) in line
    assert not (run_dir / "members/control/2").exists()


def test_2_nothing_is_written_into_a_run_that_another_process_holds(end, run_dir):
    before = (run_dir / "experiment.json").read_bytes()
    with locked_folder(run_dir, "the test"):
        code, _, line = end("--alpha=0.1")
    assert code == 2
    assert f"is in use by process {os.getpid()} on " in line
    assert (run_dir / "experiment.json").read_bytes() == before


def test_3_a_run_directory_may_be_named_like_a_pattern(finished):
    assert finished[0].name == "run[1]"
    assert (finished[0] / "report" / "index.html").is_file()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("experiment.json", "[" * 200_000, "experiment.json is missing or damaged"),
        ("experiment.json", '{"format_version": 2, "settings": []}', "experiment.json is damaged"),
        ("members/control/0/checksums.json", "[]", "members/control/0 is incomplete or damaged"),
        ("members/control/0/checksums.json", "[" * 200_000, "members/control/0 is incomplete or"),
    ],
)
def test_4_damaged_json_is_one_line(end, run_dir, file, content, message):
    (run_dir / file).write_text(content)
    code, _, line = end()
    assert code == 2
    assert message in line


def test_4_a_full_disk_in_training_is_one_line_that_names_the_member(
    flagfile, started_process, tmp_path, capsys
):
    # Files that cannot grow beyond 64 kB, as those on a disk that has so much left.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limits = resource.setrlimit, resource.RLIMIT_FSIZE
    started_process.submit(*limits, (2**16, hard)).result()
    try:
        code = main([f"--flagfile={flagfile}", f"--run_dir={tmp_path / 'RUN'}"])
    finally:
        started_process.submit(*limits, (soft, hard)).result()
    assert code == 1
    printed = capsys.readouterr().err
    line = printed.strip().splitlines()[-1]
    assert "Traceback" not in printed
    assert f"{tmp_path / 'RUN' / 'members'}" in line and "File too large; run again" in line


def test_5_a_cluster_without_workers_ends_after_a_time(capfd):
    distributed = pytest.importorskip("dask.distributed", reason="the extra 'dask' is missing")
    with distributed.LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as cluster:
        address = cluster.scheduler_address
        with (
            pytest.raises(WorkFailed, match=f"{address}: the cluster has had no worker for 1 s"),
            open_executor(1, address, patience=1.0) as executor,
        ):
            executor.submit(os.getpid).result()
    assert "no Dask worker is left; waiting 1 s for one" in capfd.readouterr().err


def test_5_a_task_of_which_workers_die_ends_in_one_line():
    distributed = pytest.importorskip("dask.distributed", reason="the extra 'dask' is missing")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        address = cluster.scheduler_address
        with (
            pytest.raises(WorkFailed, match=rf"--dask_scheduler={address}: .*worker"),
            open_executor(1, address) as executor,
        ):
            executor.submit(os._exit, 1).result()
        # Closed while it restarts a worker, the cluster fails by itself.
        cluster.wait_for_workers(1)


def test_6_where_all_members_are_dead_their_training_is_shown(end, run_dir, monkeypatch):
    monkeypatch.setattr(layers, "_why_not_comparable", lambda path: "constant over the probe set")
    shutil.rmtree(run_dir / "similarity")
    code, out, line = end()
    assert (code, out) == (3, "")
    assert "needs at least two comparable members, got 0" in line
    assert line.endswith(f"{run_dir / 'report' / 'index.html'} shows the training")
    page = (run_dir / "report" / "index.html").read_text()
    assert "Nothing could be compared" in page
    assert "Validation accuracy after each epoch" in page
    monkeypatch.undo()
    assert end()[0] == 0
    assert "Nothing could be compared" not in (run_dir / "report" / "index.html").read_text()


def test_6_where_some_members_are_dead_the_rest_is_shown_and_they_are_named(
    end, run_dir, monkeypatch
):
    why = layers._why_not_comparable
    monkeypatch.setattr(
        layers,
        "_why_not_comparable",
        lambda path: "constant over the probe set" if "swapped%2F1" in str(path) else why(path),
    )
    shutil.rmtree(run_dir / "similarity")
    code, out, line = end()
    assert code == 3
    assert "\nswapped " in out and "Report: " in out
    assert "1 of 4 members failed: swapped/1 (dense1 is constant over the probe set)" in line


def test_7_too_small_a_data_set_names_the_flag_that_made_it_so(tmp_path, capsys):
    flags = ["--dataset=wisconsin_breast_cancer", "--max_samples=10", f"--output={tmp_path}/probe"]
    assert run_step(PROBE_SET, flags) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "--max_samples=10 leaves test samples for a balanced probe set of " in line
    assert "at least 8 are needed" in line


def test_7_a_log_directory_that_lost_its_marker_is_made_again(end, run_dir):
    (run_dir / "tensorboard" / "akp_tensorboard.json").unlink()
    before = (run_dir / "tensorboard/00_models/projector_config.pbtxt").read_bytes()
    assert end()[0] == 0
    assert (run_dir / "tensorboard" / "akp_tensorboard.json").is_file()
    assert (run_dir / "tensorboard/00_models/projector_config.pbtxt").read_bytes() == before


def test_7_and_one_that_holds_files_of_others_is_left_alone(end, run_dir):
    (run_dir / "tensorboard" / "akp_tensorboard.json").unlink()
    (run_dir / "tensorboard" / "mine.txt").write_text("do not touch")
    code, _, line = end()
    assert code == 2
    assert "holds files that akp_keras.tensorboard did not write" in line
    assert (run_dir / "tensorboard" / "mine.txt").read_text() == "do not touch"


def temporary_file():
    _, path = tempfile.mkstemp("__autograph_generated_file")
    return path


def test_8_a_killed_worker_leaves_no_temporary_files():
    with open_executor(1) as executor:
        path = Path(executor.submit(temporary_file).result())
        assert path.exists()
        os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
    assert not path.exists() and not path.parent.exists()


def test_8_an_interruption_does_not_wait_for_what_workers_do():
    code = (
        "import os, sys, time\n"
        "from akp_keras.executors import open_executor\n"
        "if __name__ == '__main__':\n"
        "    with open_executor(1) as executor:\n"
        "        executor.submit(os.getpid).result()\n"
        "        executor.submit(time.sleep, 300)\n"
        "        print(flush=True)\n"
        "        time.sleep(300)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout.readline() == b"\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=100) != 0


def test_9_an_archive_that_expands_beyond_measure_is_not_expanded(tmp_path, capsys):
    probe = tmp_path / "probe.npz"
    header = b"\x93NUMPY\x01\x00v\x00" + (
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (8, 10000000), }".ljust(117) + b"\n"
    )
    with (
        zipfile.ZipFile(probe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("images.npy", "w") as file,
    ):
        file.write(header)
        for _ in range(8):
            file.write(bytes(40_000_000))
    assert probe.stat().st_size < 2**21
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name in "ab":
        (tmp_path / name / "saved_model.pb").touch()
    arguments = {
        "saved_models": f"{tmp_path}/[ab]",
        "probe": probe,
        "measures": "cka.linear",
        "output": tmp_path / "out",
    }
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    assert run_step(SIMILARITY_EVALUATOR, flags) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"probe set {probe} is damaged, or not a NumPy file (its " in line
    assert "bytes expand to 320000128, more than 100 times as many" in line
