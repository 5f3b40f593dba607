"""The comparison of SavedModels on a probe set, which produces similarity matrices.

Importing this package imports neither Keras nor TensorFlow.
"""

from akp_keras.comparison.evaluation import evaluate_similarity
from akp_keras.comparison.matrix import SimilarityMatrix, matrix_path, read_matrix, write_matrix
from akp_keras.comparison.rectangle import Rectangle, evaluate_against
from akp_keras.comparison.stitching import Stitching, stitching_penalty

__all__ = [
    "Rectangle",
    "SimilarityMatrix",
    "Stitching",
    "evaluate_against",
    "evaluate_similarity",
    "matrix_path",
    "read_matrix",
    "stitching_penalty",
    "write_matrix",
]
