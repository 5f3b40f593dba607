"""The comparison of SavedModels on a probe set."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from akp_keras.comparison.evaluation import MATRICES as MATRICES_FOLDER
from akp_keras.comparison.evaluation import evaluate_similarity
from akp_keras.comparison.rectangle import evaluate_against
from akp_keras.executors import open_workplace
from akp_keras.export.saved_model import REPRESENTATIONS_SIGNATURE
from akp_keras.progress import progress
from akp_keras.report.figures.rectangle import write_rectangle
from akp_keras.settings.field import Group, setting
from akp_keras.settings.groups import Measures, Memory, Seed, Spatial, Workers
from akp_keras.steps.inputs import file_in
from akp_keras.steps.probe_set import PROBE_FILE
from akp_keras.steps.products import MATRICES, MEMBER, PROBE, TABLE
from akp_keras.steps.step import Facts, Input, Output, Step

# Where artifacts of models hold their SavedModel: a member here, a `Model` of TFX's Trainer.
_BELOW = ("saved_model", "Format-Serving")


@dataclass(frozen=True, kw_only=True)
class Models(Group, stage="models and probe set"):
    """How models are called, and their order."""

    family_order: tuple[str, ...] = setting(
        (),
        "Families in the order of the matrices, separated by commas; by default that of models.",
        flag="families",
    )
    signature: str = setting(
        REPRESENTATIONS_SIGNATURE,
        "Signature whose outputs are the layers; serving_default for models exported by Keras.",
    )
    layers: tuple[str, ...] = setting(
        (), "Outputs to compare, separated by commas; by default all."
    )
    trust: tuple[str, ...] = setting(
        (),
        "Operations that models may have although they write or read files or call out (WriteFile, "
        "EagerPyFunc, …), separated by commas; models with others are refused.",
    )
    against: tuple[str, ...] = setting(
        (),
        "Other SavedModels, named as those of --saved_models; then every layer of these is "
        "compared with every layer of the others, and nothing else. May be given several times.",
        separator="\n",
        holds_models=True,
    )
    against_signature: str = setting("", "Signature of --against; by default --signature.")
    against_layers: tuple[str, ...] = setting(
        (), "Outputs of --against to compare, separated by commas; by default all."
    )
    reference: str = setting(
        "",
        "Name of a model, such as the last of a series of checkpoints; then every model is "
        "compared with this one, layer by layer, and with no other.",
    )
    null: int = setting(
        0,
        "Row permutations for the null distribution of every measure; 0 for none.",
        least=0,
        most=10**8,
        stage="similarity",
    )
    interval: float = setting(
        0.0,
        "Level of intervals over the probe's samples, such as 0.95; 0 for none.",
        least=0,
        below=1,
        stage="similarity",
    )

    def check(self) -> None:
        """Raise a ValueError for settings of two kinds of comparison."""
        super().check()
        if self.against and self.reference:
            raise ValueError(
                "--against and --reference are both given; --against compares layers with those "
                "of other models, --reference models with one of them"
            )
        if (self.against_layers or self.against_signature) and not self.against:
            flag = "against_layers" if self.against_layers else "against_signature"
            raise ValueError(f"--{flag} needs --against, whose models it is about")


@dataclass(frozen=True, kw_only=True)
class SimilarityEvaluatorSettings(Models, Measures, Spatial, Memory, Seed, Workers):
    """What matrices depend on, apart from the models and the probe set."""


def similarity_evaluator(
    folder: Path,
    settings: SimilarityEvaluatorSettings,
    models: Sequence[str | Path],
    probe: str | Path,
) -> Facts:
    r"""Compare exported models, whoever exported them, on a probe set.

    All pairs of models, layer by layer:

    akp similarity_evaluator --saved_models='RUN/members/*/*/saved_model' --probe=RUN/probe.npz \
        --measures=cka.linear --output=OUT

    All layers of a model with all layers of another, with heat maps:

    akp similarity_evaluator --saved_models=A --against=B --probe=PROBE.npz --output=OUT

    A series of models with one of them, layer by layer:

    akp similarity_evaluator --saved_models='CHECKPOINTS/*' --reference=90 --probe=PROBE.npz \
        --output=OUT

    `akp_keras.comparison.evaluate_similarity` and `evaluate_against` describe the layout of the
    folder.
    """
    evaluate = evaluate_similarity
    if settings.against or settings.reference:
        evaluate = functools.partial(
            evaluate_against,
            against=[_saved_model(model) for model in settings.against] or None,
            reference=settings.reference or None,
            against_layers=settings.against_layers or None,
            against_signature=settings.against_signature or None,
            picture=write_rectangle,
        )
    with open_workplace(settings.workers) as workplace:
        summary = evaluate(
            [_saved_model(str(model)) for model in models],
            file_in(probe, PROBE_FILE),
            settings.measures,
            folder,
            executor=workplace.executor,
            families=settings.family_order,
            layers=settings.layers or None,
            signature=settings.signature,
            trust=settings.trust,
            spatial=settings.spatial,
            null=settings.null,
            interval=settings.interval or None,
            seed=settings.seed,
            memory_gb=settings.memory_gb,
            representations=workplace.representations,
            progress=progress,
        )
    return {
        "measures": ",".join(summary["measures"]),
        "layers": ",".join(summary["layers"]),
        "members": len(summary["members"]),
        "summary": summary,
    }


def _saved_model(place: str) -> str:
    for name in _BELOW:
        if (Path(place) / name / "saved_model.pb").is_file():
            return str(Path(place) / name)
    return place


def _answer(facts: Facts, folder: str) -> str:
    """Return what was compared, and one line per excluded model or layer and reason."""
    summary = facts["summary"]
    if "pairs" in summary:
        excluded = {
            name: reason
            for entry in summary["similarity"]
            for name, reason in entry["excluded"].items()
        }
        return "\n".join(
            [
                f"{summary['pairs']} pairs compared under {len(summary['measures'])} measures: "
                f"{folder}",
                *(f"left out: {name} ({reason})" for name, reason in excluded.items()),
            ]
        )
    layers: dict[tuple[str, str], list[str]] = {}
    for entry in summary["similarity"]:
        for name, reason in entry["excluded"].items():
            layers.setdefault((name, reason), []).append(entry["layer"])
    return "\n".join(
        [
            f"{len(summary['members'])} models compared at {len(summary['layers'])} layers under "
            f"{len(summary['measures'])} measures: {folder}",
            *(
                f"left out: {name} at {', '.join(dict.fromkeys(left_out))} ({reason})"
                for (name, reason), left_out in layers.items()
            ),
        ]
    )


SIMILARITY_EVALUATOR = Step(
    similarity_evaluator,
    settings=SimilarityEvaluatorSettings,
    inputs={
        "models": Input(
            MEMBER,
            several=True,
            flag="saved_models",
            repeated=True,
            help="Folder of a SavedModel or above several, a pattern of such folders, or a table "
            "(.csv or .parquet) with the columns uri, family, member. May be given several times.",
            paths="saved_models",
            foreign=True,
        ),
        "probe": Input(
            PROBE,
            help="Inputs of the models: probe.npz of an experiment, any .npz of inputs with "
            "optional ids, or an .npy.",
            paths="probe_file",
        ),
    },
    outputs={"table": Output(TABLE), "matrices": Output(MATRICES, below=MATRICES_FOLDER)},
    component="SimilarityEvaluator",
    means="Evaluate",
    whole=False,
    runs_networks=True,
    derived=lambda experiment: {
        "family_order": tuple(family.name for family in experiment.parsed_families)
    },
    answer=_answer,
)
