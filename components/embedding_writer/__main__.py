r"""Writes the log directory that shows an experiment in TensorBoard.

python -m components.embedding_writer --matrices=RUN/similarity --members='RUN/members/*/*' \
    --outcome=RUN/dispersion.json --probe=RUN/probe.npz --output=LOGDIR
"""

import sys

from components.command_line import MATRICES, MEASURES, MEMBERS, OUTCOME, PROBE, run_step

if __name__ == "__main__":
    sys.exit(
        run_step(
            sys.argv[1:],
            step="embedding_writer",
            description=__doc__,
            inputs=MATRICES | MEMBERS | OUTCOME | PROBE,
            options=MEASURES,
            shared=("projector_members", "memory_gb", "workers"),
        )
    )
