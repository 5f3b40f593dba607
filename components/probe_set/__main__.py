"""Draws the probe set of an experiment.

python -m components.probe_set --dataset=wisconsin_breast_cancer --output=PROBE
"""

import sys

from components.command_line import run_step

if __name__ == "__main__":
    sys.exit(
        run_step(
            sys.argv[1:],
            step="probe_set",
            description=__doc__,
            inputs={},
            shared=("dataset", "max_samples", "probe_samples", "seed", "data_dir"),
        )
    )
