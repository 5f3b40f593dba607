"""The TFX artifact types that components pass to each other."""

from akp_keras.tfx import (
    DispersionOutcome,
    EmbeddingLog,
    ExperimentReport,
    ProbeSet,
    SimilarityMatrices,
    SimilarityTable,
    TrainedMember,
)
