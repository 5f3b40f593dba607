r"""Writes the page of an experiment.

python -m components.report --matrices=RUN/similarity --members='RUN/members/*/*' \
    --outcome=RUN/dispersion.json --data=RUN/experiment.json --output=OUT
"""

import sys

from components.command_line import MATRICES, MEASURES, MEMBERS, OUTCOME, run_step

if __name__ == "__main__":
    sys.exit(
        run_step(
            sys.argv[1:],
            step="report",
            description=__doc__,
            inputs=MATRICES
            | MEMBERS
            | OUTCOME
            | {"data": "data.json of probe_set, or experiment.json of a run."},
            options={
                "log": (None, "TensorBoard's log directory, for the page to name."),
                "title": ("Families of networks", "Heading of the page."),
                "settings": ("{}", "A JSON object, flag to text, that the page shows."),
            }
            | MEASURES,
            shared=("control",),
        )
    )
