"""The products that steps pass to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Product:
    """A kind of folder or file that one step makes and others take.

    Attributes:
        name: name of the artifact type in TFX, which must not be that of a standard type ("Model",
            "Examples", …): TFX looks types up by name, and its own need the full `tfx`.
        role: the class of `kfp.dsl` that represents it in Kubeflow.
        means: the class of `tfx.types.system_artifacts` that represents it in ML Metadata, or "".
        help: a description, which is the help of a flag that takes it.
        properties: facts that are recorded with it: name -> `int` or `str`.
    """

    name: str
    role: str
    help: str
    means: str = ""
    properties: Mapping[str, type] = field(default_factory=dict, hash=False)


PROBE = Product(
    "ProbeSet",
    role="Dataset",
    means="Dataset",
    help="probe.npz, or the folder that holds it, of probe_set.",
    properties={"dataset": str, "samples": int},
)
MEMBER = Product(
    "TrainedMember",
    role="Model",
    means="Model",
    help="Folders of members, of families or of a whole run, or patterns of them "
    "(RUN/members/*/*), separated by commas.",
    properties={"family": str, "seed": int, "random_seed": int, "schedule": str},
)
MATRICES = Product(
    "SimilarityMatrices",
    role="Dataset",
    means="Statistics",
    help="Folder of <layer>/<measure>.npz, as similarity_evaluator writes it.",
    properties={"measures": str, "members": int, "layers": str},
)
TABLE = Product(
    "SimilarityTable",
    role="Dataset",
    means="Statistics",
    help="Folder with the pairs of all matrices as a tidy table, and a summary.",
)
OUTCOME = Product(
    "DispersionOutcome",
    role="Dataset",
    means="Metrics",
    help="dispersion.json, or the folder that holds it, of dispersion_test.",
    properties={"verdict": str},
)
LOG = Product("EmbeddingLog", role="Artifact", help="TensorBoard's log directory.")
REPORT = Product(
    "ExperimentReport", role="Artifact", help="Folder with index.html and its figures."
)
# A text that a later step can branch on.
VALUE = Product("String", role="", help="The text itself.")
# A page that Kubeflow displays.
PAGE = Product("", role="HTML", help="A page.")
