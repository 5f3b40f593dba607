import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "calibration.py"


@pytest.mark.slow
def test_the_tables_are_reproducible():
    command = [sys.executable, BENCHMARK, "--repetitions=4", "--permutations=39", "--resamples=99"]
    first, again = (subprocess.check_output(command, text=True) for _ in range(2))
    assert first == again
    assert [line[:2] for line in first.splitlines() if line[:1].isdigit()] == ["1.", "2.", "3."]
