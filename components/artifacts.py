"""What components hand to each other in TFX: artifact types with names of their own.

A name must not be that of a standard type ("Model", "Examples", …): TFX looks types up by name
and would take its own class, which cannot be made without the full `tfx`. What a member or a
model is in the sense of Vertex and Kubeflow is said by `TYPE_ANNOTATION`.
"""

from __future__ import annotations

from typing import ClassVar

from tfx.types.artifact import Artifact, Property, PropertyType
from tfx.types.system_artifacts import Dataset, Metrics, Model, Statistics

_TEXT = Property(type=PropertyType.STRING)
_NUMBER = Property(type=PropertyType.INT)


class ProbeSet(Artifact):
    """A folder with `probe.npz`, as `akp_keras.data.read_probe` reads it, and `data.json`."""

    TYPE_NAME = "ProbeSet"
    TYPE_ANNOTATION = Dataset
    PROPERTIES: ClassVar[dict[str, Property]] = {"dataset": _TEXT, "samples": _NUMBER}


class TrainedMember(Artifact):
    """One trained member's folder: `saved_model/`, `history.csv`, `swaps.json`, `metrics.json`.

    A channel of a family holds one artifact a member, in the order of their seeds.
    """

    TYPE_NAME = "TrainedMember"
    TYPE_ANNOTATION = Model
    # `seed` is the member's number within the family, `random_seed` what its weights come from.
    PROPERTIES: ClassVar[dict[str, Property]] = {
        "family": _TEXT,
        "seed": _NUMBER,
        "random_seed": _NUMBER,
        "schedule": _TEXT,
    }


class SimilarityMatrices(Artifact):
    """A folder with `<layer>/<measure>.npz`, as `akp_keras.comparison.read_matrix` reads them."""

    TYPE_NAME = "SimilarityMatrices"
    TYPE_ANNOTATION = Statistics
    PROPERTIES: ClassVar[dict[str, Property]] = {"measures": _TEXT, "members": _NUMBER}


class SimilarityTable(Artifact):
    """A folder with the pairs of all matrices as a tidy table, and a summary."""

    TYPE_NAME = "SimilarityTable"
    TYPE_ANNOTATION = Statistics


class DispersionOutcome(Artifact):
    """A folder with `dispersion.json`, what the test found, and `verdict.json`."""

    TYPE_NAME = "DispersionOutcome"
    TYPE_ANNOTATION = Metrics
    PROPERTIES: ClassVar[dict[str, Property]] = {"verdict": _TEXT}


class EmbeddingLog(Artifact):
    """A log directory of TensorBoard."""

    TYPE_NAME = "EmbeddingLog"


class ExperimentReport(Artifact):
    """A folder with `index.html` and its figures."""

    TYPE_NAME = "ExperimentReport"
