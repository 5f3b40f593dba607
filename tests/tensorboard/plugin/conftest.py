"""The page's data alone, complete: as `page_summaries` writes it, without the projector's files."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from akp_keras import dispersion
from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.data.records import ProbeSet
from akp_keras.tensorboard.coordinates import classical_scaling
from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.page_contents import Trajectory
from akp_keras.tensorboard.page_dispersions import tested_dispersions
from akp_keras.tensorboard.page_pictures import draw_pictures
from akp_keras.tensorboard.plugin_data import page_summaries
from akp_keras.tensorboard.sample_factors import sample_factor
from akp_keras.tensorboard.swap_marks import swap_marks

FAMILIES = ("control", "late_sigmoid", "memoriser")
LAYERS = ("stem", "block1", "dense")  # by depth, which is not the order of the alphabet
MEASURES = ("cka.linear", "knn.jaccard[k=10,cosine]")
WITH_FACTORS = "dense"
SEEDS = 6
SAMPLES = 40
EPOCHS = (0, 1, 2, 4, 8)
STEPS_PER_EPOCH = 30
RUN = "00_models"
# One family's members swap on a plateau: at two different times, or never.
ON_A_PLATEAU = [
    {
        "schedule": "@plateau(val_loss,patience=2) activation=sigmoid",
        "swaps": tuple(
            {
                "epoch": epoch,
                "step": epoch * STEPS_PER_EPOCH,
                "what": "activation",
                "from": "relu",
                "to": "sigmoid" if epoch else "relu",
                "layers": ["block1", "dense"],
            }
            for epoch in epochs
        ),
    }
    for epochs in ((0, 3), (0, 6), (0,))
]


@dataclass(frozen=True)
class PageData:
    """What was written for the page, and where."""

    logdir: Path
    members: list
    matrices: dict
    coordinates: dict
    outcomes: dict
    trajectories: dict
    representations: dict
    probe: ProbeSet


def spread_points(rng, members):
    """Points in eight dimensions, families apart and of different widths."""
    widths = {"control": 0.4, "late_sigmoid": 0.7, "memoriser": 1.4}
    centres = {family: rng.normal(size=8) for family in FAMILIES}
    return np.array([centres[m.family] + widths[m.family] * rng.normal(size=8) for m in members])


def a_trajectory(rng, layer, measure, members, points):
    ways = np.stack([points * (0.3 + 0.7 * epoch / EPOCHS[-1]) for epoch in EPOCHS], axis=1)
    ways = ways[:, :, :2] + rng.normal(scale=0.05, size=(len(members), len(EPOCHS), 2))
    # A member that came later than the others.
    ways[3, 0] = np.nan
    # The last member diverged, and is in the matrix alone.
    ways, followed = ways[:-1], members[:-1]
    return Trajectory(
        layer,
        measure,
        EPOCHS,
        tuple(member.name for member in followed),
        ways,
        {
            family: tuple(float(value) for value in rng.uniform(0.2, 1, len(EPOCHS)))
            for family in FAMILIES
        },
        {member.name: swap_marks(member) for member in followed},
        {members[-1].name: "not finite after epoch 2: NaN or infinity among its answers"},
        averaged=True,
    )


@pytest.fixture(scope="session")
def page_data(tmp_path_factory, make_member):
    rng = np.random.default_rng(7)
    members = [make_member(family, seed) for family in FAMILIES for seed in range(SEEDS)]
    members = [
        dataclasses.replace(member, **ON_A_PLATEAU[member.seed % 3])
        if member.family == "late_sigmoid"
        else member
        for member in members
    ]
    shuffled = [members[index] for index in rng.permutation(len(members))]
    names = tuple(member.name for member in shuffled)
    points = {
        (layer, measure): spread_points(rng, shuffled) for layer in LAYERS for measure in MEASURES
    }
    matrices = {}
    for (layer, measure), places in points.items():
        distances = squareform(pdist(places))
        sizes = np.full(len(names), 8)
        matrices[layer, measure] = SimilarityMatrix(
            layer, measure, names, 1 / (1 + distances), distances, SAMPLES, sizes, sizes
        )
    outcomes = dispersion.permutation_tests(
        {key: matrix.distances for key, matrix in matrices.items()},
        [member.family for member in shuffled],
        {"control": 0.9, "late_sigmoid": 0.8, "memoriser": 0.5},
        members=names,
        control="control",
        permutations=199,
        crosscheck_permutations=0,
        seed=0,
    )
    trajectories = {
        key: a_trajectory(rng, *key, shuffled, points[key]) for key in matrices if key[0] != "stem"
    }
    images = np.zeros((SAMPLES, 16, 16, 3), np.float32)
    # Every sample has a colour of its own, so that a thumbnail can be told from the others.
    images[..., 0] = np.arange(SAMPLES)[:, None, None] * 6
    images[..., 1] = 255 - images[..., 0]
    probe = ProbeSet(
        ids=np.array([f"cell-{index:02d}" for index in rng.permutation(SAMPLES)]),
        inputs=images,
        labels=rng.integers(0, 2, SAMPLES),
        class_names=("benign", "malignant"),
    )
    representations = {name: rng.normal(size=(SAMPLES, 3)) for name in names}
    coordinates = {
        key: classical_scaling(matrix.distances).coordinates for key, matrix in matrices.items()
    }
    logdir = tmp_path_factory.mktemp("page")
    summaries = page_summaries(
        members,
        list(matrices.values()),
        list(coordinates.values()),
        {},
        dispersions=[tested_dispersions(*key, outcome) for key, outcome in outcomes.items()],
        trajectories=trajectories.values(),
        pictures=draw_pictures(probe),
        sample_factors=(
            sample_factor(WITH_FACTORS, name, array) for name, array in representations.items()
        ),
    )
    write_event_file(logdir / RUN, ((0, summary) for summary in summaries), wall_time=1.0)
    return PageData(
        logdir, members, matrices, coordinates, outcomes, trajectories, representations, probe
    )
