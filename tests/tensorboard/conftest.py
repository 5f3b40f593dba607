import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from werkzeug.test import Client

from akp_keras import dispersion
from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.comparison.trajectories import follow_members
from akp_keras.data.records import ProbeSet
from akp_keras.export.member_record import MemberRecord
from akp_keras.tensorboard import write_experiment

FAMILIES = ("control", "late_sigmoid", "memoriser")
LAYERS = ("block1", "dense")
MEASURES = ("cka.linear", "knn.jaccard[k=10,cosine]")
SEEDS = range(4)
SAMPLES = 30
EPOCHS = 5


@dataclass(frozen=True)
class Written:
    """What went into `write_experiment`, and where it was written."""

    logdir: Path
    arguments: dict

    def matrix(self, layer, measure):
        return next(
            m for m in self.arguments["matrices"] if (m.layer, m.measure) == (layer, measure)
        )


class ProjectorPages:
    """The projector's own back end over a log directory, asked as the page asks it."""

    def __init__(self, logdir):
        from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
        from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
        from tensorboard.plugins.base_plugin import TBContext
        from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin

        events = EventMultiplexer().AddRunsFromDirectory(str(logdir))
        events.Reload()
        provider = MultiplexerDataProvider(events, str(logdir))
        plugin = ProjectorPlugin(TBContext(data_provider=provider, logdir=str(logdir)))
        self._clients = {route: Client(app) for route, app in plugin.get_plugin_apps().items()}

    def get(self, route, **query):
        response = self._clients[route].get("/", query_string=query)
        assert response.status_code == 200, response.text
        return response

    def runs(self):
        return self.get("/runs").json

    def embeddings(self, run):
        return {item["tensorName"]: item for item in self.get("/info", run=run).json["embeddings"]}

    def tensor(self, run, name):
        shape = self.embeddings(run)[name]["tensorShape"]
        return np.frombuffer(self.get("/tensor", run=run, name=name).data, "<f4").reshape(shape)

    def metadata(self, run, name):
        header, *rows = self.get("/metadata", run=run, name=name).text.splitlines()
        columns = zip(*(row.split("\t") for row in rows), strict=True)
        return dict(zip(header.split("\t"), columns, strict=True))

    def bookmarks(self, run, name):
        return json.loads(self.get("/bookmarks", run=run, name=name).data)


def a_member(family, seed, **changes):
    curve = tuple(1 - 0.5 ** (epoch + 1 + seed / 10) for epoch in range(EPOCHS))
    start = {
        "epoch": 0,
        "step": 0,
        "what": "activation",
        "from": "relu",
        "to": "relu",
        "layers": ["block1", "dense"],
    }
    swaps = (
        start,
        start | {"epoch": 2, "step": 60, "to": "sigmoid"},
        {
            "epoch": 4,
            "step": 125,
            "what": "loss",
            "from": "binary_crossentropy",
            "to": "hinge",
            "layers": [],
        },
    )
    if family == "control":
        swaps = (start,)
    values = {
        "family": family,
        "seed": seed,
        "schedule": "@0 activation=relu",
        "layers": LAYERS,
        "metrics": {"train_accuracy": 0.99, "test_accuracy": 0.8 + seed / 50, "gap": 0.05},
        "history": {
            "loss": tuple(1 - value for value in curve),
            "accuracy": curve,
            "val_loss": tuple(1.2 - value for value in curve),
            "val_accuracy": tuple(value - 0.1 for value in curve),
            "swaps": (1.0, *[0.0] * (EPOCHS - 1)),
        },
        "swaps": swaps,
        "steps_per_epoch": 30,
    }
    return MemberRecord(**(values | changes))


def a_matrix(members, layer, measure, rng):
    """Euclidean distances of random points in ten dimensions."""
    distances = squareform(pdist(rng.normal(size=(len(members), 10)))) / 5
    count = len(members)
    return SimilarityMatrix(
        layer,
        measure,
        tuple(member.name for member in members),
        1 - distances**2 / 2,
        distances,
        SAMPLES,
        np.full(count, 16),
        np.full(count, 16),
    )


def some_arguments(rng, families=FAMILIES, seeds=SEEDS, measures=MEASURES):
    members = [a_member(family, seed) for family in families for seed in seeds]
    # In another order than the members, so that a mix-up shows.
    shuffled = [members[index] for index in rng.permutation(len(members))]
    images = rng.integers(0, 256, (SAMPLES, 32, 32, 3)).astype(np.float32)
    return {
        "members": members,
        "matrices": [
            a_matrix(shuffled, layer, measure, rng) for layer in LAYERS for measure in measures
        ],
        "dispersion": {
            layer: {family: float(rng.uniform()) for family in families} for layer in LAYERS
        },
        "probe": ProbeSet(
            ids=np.array([f"cell-{index:02d}" for index in rng.permutation(SAMPLES)]),
            inputs=images,
            labels=rng.integers(0, 2, SAMPLES),
            class_names=("benign", "malignant"),
        ),
        "representations": {
            f"{family}/1": {
                "block1": rng.normal(size=(SAMPLES, 3, 3, 4)).astype(np.float32),
                "dense": rng.normal(size=(SAMPLES, 6)).astype(np.float32) + 5,
            }
            for family in families
        },
    }


def add_training(arguments, rng, epochs=(0, 2, 4)):
    """Gives `write_experiment` all that it can show: outcomes, and snapshots followed."""
    members = arguments["members"]
    outcomes = {}
    for matrix in arguments["matrices"]:
        outcomes[matrix.layer, matrix.measure] = dispersion.permutation_test(
            matrix.distances,
            [name.split("/")[0] for name in matrix.members],
            members=matrix.members,
            permutations=99,
            crosscheck_permutations=0,
        )
    arguments["outcomes"] = outcomes
    arguments["dispersion"] = {
        layer: dict(outcomes[layer, "cka.linear"].dispersion) for layer in LAYERS
    }
    arguments["trajectories"] = [
        follow_members(
            layer,
            "cka.linear",
            epochs,
            {
                member.name: rng.normal(size=(len(epochs), SAMPLES, 6)).astype(np.float32)
                for member in members
            },
        )
        for layer in LAYERS
    ]
    return arguments


@pytest.fixture(scope="session")
def make_whole_arguments():
    """Arguments of `write_experiment` with outcomes and trajectories, from a seed."""

    def make(seed, **sizes):
        rng = np.random.default_rng(seed)
        return add_training(some_arguments(rng, **sizes), rng)

    return make


@pytest.fixture(scope="session")
def over_time(tmp_path_factory, make_whole_arguments):
    arguments = make_whole_arguments(7)
    logdir = tmp_path_factory.mktemp("over_time") / "tensorboard"
    write_experiment(logdir, **arguments)
    return Written(logdir, arguments)


@pytest.fixture(scope="session")
def pages_of():
    """Opens the projector's back end over a log directory."""
    return ProjectorPages


@pytest.fixture(scope="session")
def make_member():
    return a_member


@pytest.fixture(scope="session")
def make_arguments():
    """Arguments of `write_experiment`, from a seed."""
    return lambda seed, **sizes: some_arguments(np.random.default_rng(seed), **sizes)


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    arguments = some_arguments(np.random.default_rng(0))
    logdir = tmp_path_factory.mktemp("written") / "tensorboard"
    write_experiment(logdir, **arguments)
    return Written(logdir, arguments)


@pytest.fixture(scope="session")
def pages(written):
    return ProjectorPages(written.logdir)


@pytest.fixture
def arguments():
    """Arguments of one measure, since most of the time of writing goes into matrices' pictures."""
    return some_arguments(np.random.default_rng(1), measures=MEASURES[:1])


@pytest.fixture(scope="session")
def headless() -> ModuleType:
    """The module `docs/browser.py`, which is no part of a package."""
    path = Path(__file__).parents[2] / "docs" / "browser.py"
    specification = importlib.util.spec_from_file_location("akp_docs_browser", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
