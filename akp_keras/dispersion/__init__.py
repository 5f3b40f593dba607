"""Dispersion of families of networks, its tests, and the verdict on the Anna Karenina principle.

Needs NumPy and SciPy; scikit-bio is imported when its cross-checks are asked for.
"""

from akp_keras.dispersion.association import Association
from akp_keras.dispersion.crosschecks import CrossCheck
from akp_keras.dispersion.outcome import Outcome
from akp_keras.dispersion.permutation import permutation_test, permutation_tests
from akp_keras.dispersion.ratios import DispersionRatio

__all__ = [
    "Association",
    "CrossCheck",
    "DispersionRatio",
    "Outcome",
    "permutation_test",
    "permutation_tests",
]
