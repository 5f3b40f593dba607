r"""Trains members of one family.

python -m components.family_trainer --family='late: @0 activation=relu; @6 activation=sigmoid' \
    --members=8 --output=MEMBERS/late
"""

import sys

from components.command_line import run_step

if __name__ == "__main__":
    sys.exit(
        run_step(
            sys.argv[1:],
            step="family_trainer",
            description=__doc__,
            inputs={"family": "The family: 'name: when what…; when what…'."},
            options={"first_member": (0, "Number of the first member that is trained.")},
            shared=(
                "members",
                "seed",
                "dataset",
                "max_samples",
                "data_dir",
                "model",
                "epochs",
                "batch_size",
                "optimizer",
                "learning_rate",
                "steps_per_execution",
                "snapshots",
                "probe_samples",
                "workers",
            ),
        )
    )
