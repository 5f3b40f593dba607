"""Locks: one holder, who is named; and whoever loses a race leaves no trace."""

import json
import os
import subprocess
import sys

import pytest

from akp_keras.files.locks import HOLDER_FILE, locked_folder

# Two processes meet at a barrier, again and again, and each opens the same run with a seed of its
# own. The winner stays until the loser has tried.
RACE = """
import json, multiprocessing, sys
from pathlib import Path
from akp_keras.settings import Experiment
from akp_keras.steps.run_directory import RunDirectory

FAMILIES = {"control": "@0 activation=relu", "x": "@1 activation=tanh"}

def compete(number, root, rounds, barrier, outcomes):
    experiment = Experiment(families=FAMILIES, seed=number)
    won = []
    for place in range(rounds):
        directory = RunDirectory(Path(root) / str(place) / "RUN")
        barrier.wait()
        try:
            with directory.opened(experiment):
                directory.write_experiment(experiment)
                barrier.wait()
                won.append(directory.read_experiment().seed == number)
        except ValueError as error:
            assert "is in use by" in str(error), error
            barrier.wait()
            won.append(None)
    outcomes.put((number, won))

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    barrier, outcomes = context.Barrier(2, timeout=60), context.Queue()
    processes = [
        context.Process(
            target=compete, args=(number, sys.argv[1], int(sys.argv[2]), barrier, outcomes)
        )
        for number in (1, 2)
    ]
    for process in processes:
        process.start()
    won = dict(outcomes.get(timeout=500) for _ in processes)
    for process in processes:
        process.join()
    seeds = [
        json.loads((Path(sys.argv[1]) / str(place) / "RUN" / "experiment.json").read_text())
        ["settings"]["seed"]
        for place in range(int(sys.argv[2]))
    ]
    print(json.dumps([won[1], won[2], seeds]))
"""


def test_who_holds_a_lock_is_named_and_forgotten_at_the_end(tmp_path):
    with locked_folder(tmp_path / "RUN", "--run_dir=RUN") as folder:
        holder = json.loads((folder / HOLDER_FILE).read_text())
        assert holder["process"] == os.getpid()
        with (
            pytest.raises(ValueError) as error,
            locked_folder(tmp_path / "RUN", "--run_dir=RUN"),
        ):
            pass
        assert str(error.value) == (
            f"--run_dir=RUN is in use by process {os.getpid()} on {holder['host']} since "
            f"{holder['since']}; wait for it, or name another folder"
        )
        assert folder.is_dir()
    assert list((tmp_path / "RUN").iterdir()) == []


def test_what_a_killed_holder_left_holds_nothing(tmp_path):
    (tmp_path / HOLDER_FILE).write_text('{"process": 1, "host": "gone"}')
    with locked_folder(tmp_path, "output=x"):
        assert json.loads((tmp_path / HOLDER_FILE).read_text())["process"] == os.getpid()


def test_a_holder_that_cannot_be_read_is_another_process(tmp_path):
    with locked_folder(tmp_path, "output=x"):
        (tmp_path / HOLDER_FILE).write_text("[")
        with (
            pytest.raises(ValueError, match="is in use by another process; wait"),
            locked_folder(tmp_path, "output=x"),
        ):
            pass


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with (
        pytest.raises(ValueError, match="it is a link to a folder that does not exist"),
        locked_folder(tmp_path / "link", "output=link"),
    ):
        pass


@pytest.mark.parametrize("rounds", [20, pytest.param(500, marks=pytest.mark.slow)])
def test_of_two_processes_one_wins_under_its_own_settings(tmp_path, rounds):
    done = subprocess.run(
        [sys.executable, "-c", RACE, str(tmp_path), str(rounds)],
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert done.returncode == 0, done.stderr
    first, second, seeds = json.loads(done.stdout)
    for one_won, other_won, seed in zip(first, second, seeds, strict=True):
        assert {one_won, other_won} == {True, None}
        assert seed == (1 if one_won else 2)
