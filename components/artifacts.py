"""What components hand to each other in TFX: artifact types with names of their own."""

from akp_keras.tfx import (
    DispersionOutcome,
    EmbeddingLog,
    ExperimentReport,
    ProbeSet,
    SimilarityMatrices,
    SimilarityTable,
    TrainedMember,
)
