"""The experiment as a TFX pipeline."""

from __future__ import annotations

from pathlib import Path

from tfx.orchestration import metadata, pipeline
from tfx.types.channel import union

from components.dispersion_test.component import DispersionTest
from components.embedding_writer.component import EmbeddingWriter
from components.family_trainer.component import FamilyTrainer
from components.probe_set.component import ProbeSetGen
from components.report.component import ReportWriter
from components.similarity_evaluator.component import SimilarityEvaluator
from pipelines.experiment_steps import ExperimentSteps

PIPELINE_NAME = "akp_keras"


def create_pipeline(
    steps: ExperimentSteps,
    *,
    pipeline_root: str | Path,
    metadata_path: str | Path,
    code_version: str,
) -> pipeline.Pipeline:
    """Puts the components together, one trainer a family.

    A step whose parameters, inputs and code version have been seen is not run again: its
    outputs are taken from the metadata store.

    Args:
        steps: the parameters of all components.
        pipeline_root: the folder that artifacts are written to.
        metadata_path: the SQLite file of ML Metadata.
        code_version: what results follow from beside parameters and inputs.

    Returns:
        The pipeline, for any runner of TFX.
    """
    version = {"code_version": code_version}
    probe = ProbeSetGen(**steps.probe_set, **version)
    trainers = [
        FamilyTrainer(**parameters, **version).with_id(f"FamilyTrainer.{family}")
        for family, parameters in zip(steps.families, steps.trainers, strict=True)
    ]
    for trainer in trainers:
        # Wrong flags of the data show before anything is trained.
        trainer.add_upstream_node(probe)
    members = union([trainer.outputs["trained"] for trainer in trainers])
    evaluator = SimilarityEvaluator(members, probe.outputs["probe"], **steps.evaluator, **version)
    matrices = evaluator.outputs["matrices"]
    test = DispersionTest(matrices, members, **steps.dispersion_test, **version)
    shown = (matrices, members, test.outputs["outcome"], probe.outputs["probe"])
    writer = EmbeddingWriter(*shown, **steps.embedding_writer, **version)
    page = ReportWriter(*shown, writer.outputs["log"], **steps.report, **version)
    return pipeline.Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=str(pipeline_root),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(metadata_path)),
        components=[probe, *trainers, evaluator, test, writer, page],
        enable_cache=True,
    )
