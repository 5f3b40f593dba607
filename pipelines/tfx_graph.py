"""The experiment as a TFX pipeline."""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration import metadata, pipeline
from tfx.types.channel import union

from akp_keras import tfx
from akp_keras.settings import Experiment, Family
from pipelines.graph import experiment_graph, parameters

PIPELINE_NAME = "akp_keras"


def create_pipeline(
    experiment: Experiment,
    *,
    pipeline_root: str | Path,
    metadata_path: str | Path,
    code_version: str,
) -> pipeline.Pipeline:
    """Create the pipeline, with one trainer per family, for any runner of TFX.

    A step with known parameters, inputs and code version is not run again: its outputs are taken
    from the metadata store.
    """
    made: dict[str, list[BaseComponent]] = {}
    for node in experiment_graph(experiment):
        step = node.step
        channels = {}
        for name, (maker, output) in node.edges.items():
            outputs = [component.outputs[output] for component in made[maker.name]]
            channels[name] = union(outputs) if step.inputs[name].several else outputs[0]
        made[step.name] = []
        for settings in node.settings:
            options = parameters(settings) | {"code_version": code_version}
            options.pop("workers", None)
            component = getattr(tfx, step.component)(**channels, **options)
            if step.per_family:
                family = Family.parse(*settings.families)
                component.with_id(f"{step.component}.{family.name}")
            for earlier in step.after:
                component.add_upstream_nodes(made[earlier])
            made[step.name].append(component)
    return pipeline.Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=str(pipeline_root),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(metadata_path)),
        components=[component for components in made.values() for component in components],
        enable_cache=True,
    )
