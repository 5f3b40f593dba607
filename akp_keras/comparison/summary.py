"""The contents of `summary.json`."""

from __future__ import annotations

import contextlib
import math
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np

import akp_keras
from akp_keras.comparison.layers import Compared
from akp_keras.comparison.pair_table import pairs
from akp_keras.comparison.probe_inputs import ProbeInputs
from akp_keras.comparison.saved_models import NamedModel

_PACKAGES = ("numpy", "scipy", "tensorflow", "tensorflow-cpu")


def describe(
    models: Sequence[NamedModel], probe: ProbeInputs, *, measures: Sequence[str], **options: Any
) -> dict[str, Any]:
    """Return what is compared, with which options and versions."""
    return {
        "format_version": 1,
        "members": [model.name for model in models],
        "families": dict(Counter(model.family for model in models if model.family)),
        "samples": probe.samples,
        "measures": list(measures),
        **options,
        "versions": {
            "akp_keras": akp_keras.__version__,
            "python": platform.python_version(),
            **_versions(),
        },
    }


def summarise(compared: Compared, families: Mapping[str, str]) -> dict[str, Any]:
    """Summarise a matrix.

    Args:
        compared: the matrix.
        families: member name -> family.

    Returns:
        Mean value and distance over all pairs, over pairs within a family and over pairs between
        families, with the number of pairs; None without pairs, and for the distance of a measure
        that declares none. Members without a family count in all pairs only.
    """
    matrix = compared.matrix
    rows, columns = pairs(matrix.measure, len(matrix.members))
    family = np.array([families[name] for name in matrix.members])
    known = (family[rows] != "") & (family[columns] != "")
    same = family[rows] == family[columns]
    values, distances = matrix.values[rows, columns], matrix.distances[rows, columns]
    return {
        "layer": matrix.layer,
        "measure": matrix.measure,
        **{
            where: {
                "pairs": int(chosen.sum()),
                "mean_value": mean(values[chosen]),
                "mean_distance": mean(distances[chosen]),
            }
            for where, chosen in (
                ("all_pairs", np.ones_like(same)),
                ("within_families", known & same),
                ("between_families", known & ~same),
            )
        },
        "excluded": dict(matrix.excluded),
    }


def mean(numbers: np.ndarray) -> float | None:
    """Return the mean; None of no numbers, and if it is not finite."""
    if not len(numbers):
        return None
    average = float(np.mean(numbers))
    return average if math.isfinite(average) else None


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
