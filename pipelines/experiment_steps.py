"""The parameters of each step of an experiment: the same in every pipeline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from akp_keras.experiment.settings import ExperimentSettings


@dataclass(frozen=True)
class ExperimentSteps:
    """What each step is given, by the names of its function's parameters.

    Attributes:
        families: names of the families, in the order of the flags.
        probe_set: …
        trainers: one a family, in that order.
        evaluator: …
        dispersion_test: …
        embedding_writer: …
        report: …
    """

    families: tuple[str, ...]
    probe_set: dict[str, Any]
    trainers: tuple[dict[str, Any], ...]
    evaluator: dict[str, Any]
    dispersion_test: dict[str, Any]
    embedding_writer: dict[str, Any]
    report: dict[str, Any]


def experiment_steps(settings: ExperimentSettings, data_dir: str | None) -> ExperimentSteps:
    """Reads the steps' parameters off the settings of an experiment.

    Args:
        settings: what the results follow from.
        data_dir: where data sets are kept.

    Returns:
        The parameters, all of them, whether a step has a default or not.
    """
    data = {
        "dataset": settings.dataset,
        "max_samples": settings.max_samples,
        "data_dir": data_dir,
        "seed": settings.seed,
    }
    measures = ",".join(settings.measures)
    return ExperimentSteps(
        families=tuple(family.name for family in settings.families),
        probe_set={**data, "probe_samples": settings.probe_samples},
        trainers=tuple(
            {
                **data,
                "family": f"{family.name}: {family.schedule}",
                "members": settings.members,
                "first_member": 0,
                "model": settings.model,
                "epochs": settings.epochs,
                "batch_size": settings.batch_size,
                "optimizer": settings.optimizer,
                "learning_rate": settings.learning_rate,
                "steps_per_execution": settings.steps_per_execution,
                "snapshots": settings.snapshots,
                # Without snapshots the probe set is no matter of training.
                "probe_samples": settings.probe_samples if settings.snapshots else 0,
            }
            for family in settings.families
        ),
        evaluator={
            "measures": measures,
            "families": ",".join(family.name for family in settings.families),
            "signature": "representations",
            "layers": "",
            "spatial": settings.spatial,
            "null": 0,
            "seed": settings.seed,
            "memory_gb": settings.memory_gb,
        },
        dispersion_test={
            "control": settings.control,
            "permutations": settings.permutations,
            "alpha": settings.alpha,
            "margin": settings.margin,
            "seed": settings.seed,
            "measures": measures,
        },
        embedding_writer={
            "projector_members": settings.projector_members,
            "memory_gb": settings.memory_gb,
            "measures": measures,
        },
        report={
            "title": settings.title,
            "control": settings.control,
            "settings": json.dumps(settings.flag_texts()),
            "measures": measures,
        },
    )
