import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_tables_within_families_are_reproducible():
    command = [sys.executable, BENCHMARKS / "seed_calibration.py", "--repetitions=4"]
    command += ["--permutations=39", "--resamples=99"]
    first, again = (subprocess.check_output(command, text=True) for _ in range(2))
    assert first == again
    assert [line[:2] for line in first.splitlines() if line[:1].isdigit()] == ["1.", "2.", "3."]


@pytest.mark.slow
def test_the_tables_across_families_are_reproducible_and_go_on_where_they_stopped(tmp_path):
    cache = tmp_path / "rows.json"
    command = [sys.executable, BENCHMARKS / "calibration.py", "--simulations=4"]
    command += ["--permutations=39", "--tables=power,permdisp"]
    first = subprocess.check_output(command, text=True)
    subprocess.check_output([*command[:-1], "--tables=power", f"--cache={cache}"], text=True)
    assert subprocess.check_output([*command, f"--cache={cache}"], text=True) == first
    assert len(first.splitlines()) == 6
