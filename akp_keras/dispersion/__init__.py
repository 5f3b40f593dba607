"""Dispersion of families of networks, its tests, and the verdict on the Anna Karenina principle.

Needs NumPy and SciPy; scikit-bio is imported when its cross-checks are asked for.
"""

from akp_keras.dispersion.akp import akp_test, akp_tests
from akp_keras.dispersion.akp_outcome import AkpOutcome, Finding, Findings, Retest
from akp_keras.dispersion.association import Association
from akp_keras.dispersion.contrasts import Contrast, pairwise_contrasts
from akp_keras.dispersion.coordinates import (
    PrincipalCoordinates,
    distances_to_median,
    principal_coordinates,
)
from akp_keras.dispersion.crosschecks import CrossCheck
from akp_keras.dispersion.effect import Effect
from akp_keras.dispersion.location import Location
from akp_keras.dispersion.outcome import Outcome
from akp_keras.dispersion.permanova import explained_share
from akp_keras.dispersion.permutation import permutation_test, permutation_tests
from akp_keras.dispersion.pool_ratio import PoolRatio
from akp_keras.dispersion.pools import Standing
from akp_keras.dispersion.ratios import DispersionRatio
from akp_keras.dispersion.wording import pvalue_text

__all__ = [
    "AkpOutcome",
    "Association",
    "Contrast",
    "CrossCheck",
    "DispersionRatio",
    "Effect",
    "Finding",
    "Findings",
    "Location",
    "Outcome",
    "PoolRatio",
    "PrincipalCoordinates",
    "Retest",
    "Standing",
    "akp_test",
    "akp_tests",
    "distances_to_median",
    "explained_share",
    "pairwise_contrasts",
    "permutation_test",
    "permutation_tests",
    "principal_coordinates",
    "pvalue_text",
]
