"""A step within a pipeline of TFX: its cache, and a step that branches on its verdict."""

import pytest

from pipelines.lineage import executions

pytest.importorskip("tfx", reason="ml-pipelines-sdk is not installed")


@pytest.fixture
def tested_pipeline(experiment, tmp_path):
    """Runs the test and the report on results of earlier steps, and a step if it is AKP."""
    from tfx.dsl.component.experimental.decorators import component
    from tfx.dsl.components.common.importer import Importer
    from tfx.dsl.experimental.conditionals.conditional import Cond
    from tfx.orchestration import metadata, pipeline
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from components import artifacts
    from components.dispersion_test.component import DispersionTest

    metadata_path = tmp_path / "metadata.sqlite"

    def call(branch_on="undecidable", **changed):
        def imported(kind, path):
            node = Importer(source_uri=str(path), artifact_type=kind)
            return node.with_id(f"Import{kind.TYPE_NAME}")

        matrices = imported(artifacts.SimilarityMatrices, experiment / "similarity")
        members = imported(artifacts.TrainedMember, experiment / "members")
        parameters = {
            "control": "zero",
            "permutations": 99,
            "alpha": 0.05,
            "margin": 0.01,
            "seed": 0,
            "measures": "cka.linear",
            "code_version": "1",
        }
        test = DispersionTest(
            matrices.outputs["result"], members.outputs["result"], **(parameters | changed)
        )
        with Cond(test.outputs["verdict"].future()[0].value == branch_on):
            branch = component(Publish)().with_id("Publish")
        LocalDagRunner().run(
            pipeline.Pipeline(
                pipeline_name="akp_keras",
                pipeline_root=str(tmp_path),
                metadata_connection_config=metadata.sqlite_metadata_connection_config(
                    str(metadata_path)
                ),
                components=[matrices, members, test, branch],
                enable_cache=True,
            )
        )
        return [
            (node, state)
            for node, state in executions(metadata_path)
            if not node.startswith("Import")
        ]

    return call


def Publish() -> None:
    """A step that follows the verdict."""


def test_the_cache_knows_parameters_and_code_and_a_step_branches_on_the_verdict(tested_pipeline):
    assert tested_pipeline() == [("DispersionTest", "COMPLETE"), ("Publish", "COMPLETE")]
    assert tested_pipeline()[2:] == [("DispersionTest", "CACHED"), ("Publish", "CACHED")]
    other_code = tested_pipeline(code_version="2")[4:]
    assert other_code == [("DispersionTest", "COMPLETE"), ("Publish", "COMPLETE")]
    # Six families are too few for any other verdict.
    assert tested_pipeline(branch_on="AKP")[6:] == [("DispersionTest", "CACHED")]
    assert ("DispersionTest", "COMPLETE") in tested_pipeline(margin=0.5)[7:]
