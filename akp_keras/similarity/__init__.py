"""Representational similarity: measures with declared properties, and all pairs at once.

    from akp_keras import similarity
    similarity.list_measures("cka.*")
    similarity.compare(x, y, "cka.linear")
    result = similarity.pairwise({"a": x, "b": y, "c": z}, ["cka.linear", "procrustes.angular"])
    result["cka.linear"].values, result["cka.linear"].distance()

Importing this package imports NumPy and SciPy, and neither Keras nor TensorFlow.
"""

from akp_keras.similarity.declaration import Declaration
from akp_keras.similarity.engine import compare, pairwise
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.registry import declaration as measure
from akp_keras.similarity.registry import list_measures, register, unregister
from akp_keras.similarity.representation import Representation
from akp_keras.similarity.result import (
    Comparison,
    Intervals,
    PermutationNull,
    Results,
    SimilarityResult,
)
from akp_keras.similarity.spatial import SPATIAL_POLICIES
from akp_keras.similarity.streaming import pairwise_streaming

__all__ = [
    "SPATIAL_POLICIES",
    "Comparison",
    "Declaration",
    "Intervals",
    "Measure",
    "PermutationNull",
    "Representation",
    "Results",
    "SimilarityResult",
    "Template",
    "compare",
    "list_measures",
    "measure",
    "pairwise",
    "pairwise_streaming",
    "register",
    "unregister",
]
