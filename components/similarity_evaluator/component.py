"""The TFX component."""

from akp_keras.tfx import SimilarityEvaluator, SimilarityEvaluatorSpec

__all__ = ["SimilarityEvaluator", "SimilarityEvaluatorSpec"]
