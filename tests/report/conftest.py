"""Experiments of plausible random numbers, whole enough to report."""

from dataclasses import dataclass

import numpy as np
import pytest

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.dispersion import AkpOutcome, Outcome, akp_tests, permutation_tests
from akp_keras.export.member_record import MemberRecord, family_of
from akp_keras.report import write_report

STEPS = 48
EPOCHS = 8
BEGINNING = "@0 activation=relu loss=binary_crossentropy"
SCHEDULES = {
    "control": BEGINNING,
    "early_tanh": f"{BEGINNING}; @1 activation=tanh",
    "late_sigmoid": f"{BEGINNING}; @6 activation=sigmoid",
    "pulse": f"{BEGINNING}; @step:150 loss=hinge; @step:210 loss=binary_crossentropy",
    "both": f"{BEGINNING}; @4 activation=gelu loss=hinge",
    "late_hinge": f"{BEGINNING}; @6 loss=hinge",
    "memoriser": f"{BEGINNING} labels=random(1.0)",
}
STRESS = dict(zip(SCHEDULES, [0, 0.2, 0.3, 0.1, 0.4, 0.3, 1.0], strict=True))
SWAPS = {
    "early_tanh": [(48, "activation", "relu", "tanh")],
    "late_sigmoid": [(288, "activation", "relu", "sigmoid")],
    "pulse": [
        (150, "loss", "binary_crossentropy", "hinge"),
        (210, "loss", "hinge", "binary_crossentropy"),
    ],
    "both": [
        (192, "activation", "relu", "gelu"),
        (192, "loss", "binary_crossentropy", "hinge"),
    ],
    "late_hinge": [(288, "loss", "binary_crossentropy", "hinge")],
}


@dataclass
class Experiment:
    """What `write_report` takes of an experiment."""

    members: list[MemberRecord]
    matrices: list[SimilarityMatrix]
    outcomes: dict[tuple[str, str], Outcome]
    principle: dict[tuple[str, str], AkpOutcome]

    def write(self, folder, **changes):
        arguments = {
            "title": "Do stressed classifiers come apart?",
            "members": self.members,
            "matrices": self.matrices,
            "outcomes": self.outcomes,
            "principle": self.principle,
            "settings": {"model": "small_cnn", "epochs": str(EPOCHS)},
            "data_description": "Synthetic patches; no finding about real tissue.",
            "tensorboard_command": "tensorboard --logdir RUN/tensorboard",
        }
        return write_report(folder, **(arguments | changes))


@pytest.fixture(scope="session")
def make_experiment():
    return _make_experiment


@pytest.fixture(scope="session")
def make_member():
    return _make_member


@pytest.fixture(scope="session")
def experiment():
    """Seven families of six members, two layers, two measures."""
    return _make_experiment()


@pytest.fixture(scope="session")
def small():
    """Two families of five members, one layer, one measure: enough for a page."""
    return _make_experiment(("control", "memoriser"), 5, ("dense",), ("cka.linear",))


@pytest.fixture(scope="session")
def written(experiment, tmp_path_factory):
    """Its report, not to be written to."""
    return experiment.write(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def many():
    """The control and the memoriser of six members, and twelve families of one: 7 + 5 of a kind."""
    random = {f"random{number:03d}": "activation=tanh" for number in range(7)}
    random |= {f"random{number:03d}": "loss=hinge" for number in range(7, 12)}
    return _make_experiment(
        extra=[
            _make_member(family, 0, schedule=f"{BEGINNING}; @{1 + number % 7} {stress}")
            for number, (family, stress) in enumerate(random.items())
        ],
        families=("control", "memoriser"),
        layers=("dense",),
        measures=("cka.linear",),
    )


def _make_experiment(
    families=tuple(SCHEDULES),
    seeds=6,
    layers=("block1", "dense"),
    measures=("cka.linear", "rsa"),
    extra=(),
):
    members = [_make_member(family, seed, layers) for family in families for seed in range(seeds)]
    members += extra
    matrices = [
        _make_matrix(members, layer, measure, [row, column])
        for row, layer in enumerate(layers)
        for column, measure in enumerate(measures)
    ]
    arguments = (
        {(matrix.layer, matrix.measure): matrix.distances for matrix in matrices},
        [member.family for member in members],
        [member.metrics["test_accuracy"] for member in members],
    )
    names = [member.name for member in members]
    outcomes = permutation_tests(
        *arguments, 199, 0, control="control", members=names, crosscheck_permutations=99
    )
    principle = akp_tests(*arguments, permutations=199, members=names)
    return Experiment(members, matrices, outcomes, principle)


def _make_member(family, seed, layers=("dense",), **changes):
    rng = np.random.default_rng([seed, *family.encode()])
    stress = STRESS.get(family, 0.5)
    epochs = np.arange(1, EPOCHS + 1)
    accuracy = 0.88 - 0.3 * np.exp(-epochs / 2) - 0.1 * stress + rng.normal(0, 0.012, EPOCHS)
    loss = 0.3 + 0.4 * np.exp(-epochs / 2) + 0.4 * stress + rng.normal(0, 0.02, EPOCHS)
    test = float(accuracy[-1] - 0.01)
    train = float(accuracy[-1] + 0.02 + 0.1 * stress + rng.normal(0, 0.01))
    swaps = [(0, "activation", "relu", "relu"), *SWAPS.get(family, [])]
    fields = {
        "family": family,
        "seed": seed,
        "schedule": SCHEDULES.get(family, "@0 activation=relu"),
        "layers": tuple(layers),
        "metrics": {
            "train_accuracy": train,
            "validation_accuracy": float(accuracy[-1]),
            "test_accuracy": test,
            "gap": train - test,
        },
        "history": {"val_loss": tuple(loss), "val_accuracy": tuple(accuracy)},
        "swaps": tuple(
            {
                "epoch": step // STEPS,
                "step": step,
                "what": what,
                "from": before,
                "to": after,
                "layers": [],
            }
            for step, what, before, after in swaps
        ),
        "steps_per_epoch": STEPS,
    }
    return MemberRecord(**(fields | changes))


def _make_matrix(members, layer, measure, seed):
    rng = np.random.default_rng(seed)
    names = [member.name for member in members]
    families = list(dict.fromkeys(member.family for member in members))
    centres = {family: rng.normal(0, 0.12, 6) for family in families}
    # Stress spreads members in the last layers alone, so that verdicts differ.
    effect = 0.0 if layer == "block1" else 0.14
    points = np.array(
        [
            centres[family] + rng.normal(0, 0.06 + effect * STRESS.get(family, 0.5), 6)
            for family in map(family_of, names)
        ]
    )
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return SimilarityMatrix(
        layer=layer,
        measure=measure,
        members=tuple(names),
        values=1 - distances**2 / 2,
        distances=distances,
        samples=400,
        features=np.full(len(names), 64),
        ranks=np.full(len(names), 60),
    )
