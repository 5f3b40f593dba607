r"""Compares exported models, whoever exported them, on a probe set.

python -m components.similarity_evaluator --saved_models='RUN/members/*/*/saved_model' \
    --probe=RUN/probe.npz --measures=cka.linear --output=OUT
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from akp_keras.command_line import list_under, run_command
from akp_keras.executors import limit_linear_algebra

STAGES = ("models and probe set", "similarity", "running")
_NEEDED = ("saved_models", "probe", "measures", "output")


def main(arguments: Sequence[str]) -> int:
    """Compares the models that the flags name.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The exit code, as `akp_keras.command_line.run_command` gives it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_linear_algebra()
    return run_command(
        arguments,
        program="components.similarity_evaluator",
        description=__doc__,
        define_flags=define_flags,
        stages=STAGES,
        work=_work,
    )


def define_flags(values: flags.FlagValues) -> None:
    """Defines all flags; each belongs to the stage under which the help lists it."""
    here = {"flag_values": values}
    list_under(
        values,
        "models and probe set",
        [
            flags.DEFINE_multi_string(
                "saved_models",
                [],
                "A folder of a SavedModel or above several, a pattern of such folders, or a table "
                "(.csv or .parquet) with the columns uri, family, member. May be given several "
                "times.",
                **here,
            ),
            flags.DEFINE_string(
                "families",
                "",
                "The order of families in the matrices, with commas between; by default that of "
                "the models.",
                **here,
            ),
            flags.DEFINE_string(
                "probe",
                None,
                "What the models are shown: probe.npz of an experiment, or any .npz of inputs "
                "with optional ids, or an .npy.",
                **here,
            ),
            flags.DEFINE_string(
                "signature",
                "representations",
                "The signature whose outputs are the layers; serving_default for models that "
                "Keras exported.",
                **here,
            ),
            flags.DEFINE_string(
                "layers", "", "Outputs to compare, with commas between; by default all.", **here
            ),
        ],
    )
    list_under(
        values,
        "similarity",
        [
            flags.DEFINE_string("measures", None, "Ids of measures, with commas between.", **here),
            flags.DEFINE_string(
                "spatial",
                "flatten",
                "What becomes of convolutional maps: flatten, global_average, positions.",
                **here,
            ),
            flags.DEFINE_integer(
                "null", 0, "Row permutations for the null of every measure; 0 for none.", **here
            ),
            flags.DEFINE_integer("seed", 0, "Seed of the permutations.", **here),
            flags.DEFINE_float(
                "memory_gb", 4.0, "Bound on the memory of the comparison, in GiB.", **here
            ),
        ],
    )
    list_under(
        values,
        "running",
        [
            flags.DEFINE_string(
                "output", None, "The folder to write; it appears whole or not at all.", **here
            ),
            flags.DEFINE_integer(
                "workers",
                os.cpu_count() or 1,
                "Processes on this machine; results do not depend on how many.",
                **here,
            ),
        ],
    )


def _work(values: flags.FlagValues) -> str:
    for name in _NEEDED:
        given = values[name].value
        if not given or (isinstance(given, list) and not all(given)):
            raise ValueError(f"--{name} is missing: {values[name].help}")
    from components.similarity_evaluator.step import similarity_evaluator

    given = values.flag_values_dict()
    summary = similarity_evaluator(
        **{name: given[name] for stage in STAGES for name in _flags_of(values, stage)}
    )
    return "\n".join(
        [
            f"{len(summary['members'])} models compared at {len(summary['layers'])} layers under "
            f"{len(summary['measures'])} measures: {values.output}",
            *_left_out(summary),
        ]
    )


def _left_out(summary: Mapping[str, Any]) -> list[str]:
    """A line for each model and reason, with the layers at which it was not compared."""
    layers: dict[tuple[str, str], list[str]] = {}
    for entry in summary["similarity"]:
        for name, reason in entry["excluded"].items():
            layers.setdefault((name, reason), []).append(entry["layer"])
    return [
        f"left out: {name} at {', '.join(dict.fromkeys(found))} ({reason})"
        for (name, reason), found in layers.items()
    ]


def _flags_of(values: flags.FlagValues, stage: str) -> list[str]:
    return [flag.name for flag in values.flags_by_module_dict()[stage]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
