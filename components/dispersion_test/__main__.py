r"""Tests the Anna Karenina principle on matrices, and prints the verdict.

python -m components.dispersion_test --matrices=RUN/similarity --members='RUN/members/*/*' \
    --output=OUT
"""

import sys

from components.command_line import MATRICES, MEASURES, MEMBERS, run_step

if __name__ == "__main__":
    sys.exit(
        run_step(
            sys.argv[1:],
            step="dispersion_test",
            description=__doc__,
            inputs=MATRICES | MEMBERS,
            options=MEASURES,
            shared=("control", "permutations", "alpha", "margin", "seed"),
            answer=lambda verdict, output: verdict,
        )
    )
