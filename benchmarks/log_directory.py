"""How long the log directory of a large experiment takes to write, part by part.

    python benchmarks/log_directory.py
    python benchmarks/log_directory.py --members=500 --layers=5 --snapshots=3 --keep=LOGDIR

makes the results of an experiment that was never run: families of members at random places, each
family around a centre of its own, with distances, curves, swaps and probe images of the sizes that
a real one has. It prints the seconds of `write_experiment`, without and with what follows from
snapshots, and of the projector's files alone; the processor time beside
them says more where the machine has other work.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from akp_keras import dispersion
from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.comparison.trajectories import Trajectories, follow_members
from akp_keras.data.records import ProbeSet
from akp_keras.export.member_record import MemberRecord
from akp_keras.tensorboard import write_experiment
from akp_keras.tensorboard.embeddings import Embedding, write_embeddings
from akp_keras.tensorboard.models_map import map_of_models, members_metadata
from akp_keras.tensorboard.sample_factors import sample_factor

_MEASURES = ("cka.linear", "cka.linear.debiased", "procrustes.angular")
_EPOCHS = 8
_SAMPLES = 256


def main() -> None:
    """Print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=500, help="of all families together")
    parser.add_argument("--families", type=int, default=10)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--snapshots", type=int, default=3, help="epochs a member")
    parser.add_argument("--keep", type=Path, help="where the log directory is left to look at")
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    layers = [f"layer{number}" for number in range(1, options.layers + 1)]
    families = [f"family{number}" for number in range(options.families)]
    members = [
        _member(families[number % options.families], number // options.families, layers, rng)
        for number in range(options.members)
    ]
    members.sort(key=lambda member: (member.family, member.seed))
    matrices = [_matrix(layer, measure, members, rng) for layer in layers for measure in _MEASURES]
    arguments = {
        "members": members,
        "matrices": matrices,
        "dispersion": {layer: dict.fromkeys(families, 0.3) for layer in layers},
        "probe": ProbeSet(
            ids=np.array([f"sample-{number}" for number in range(_SAMPLES)]),
            inputs=rng.integers(0, 256, (_SAMPLES, 32, 32, 3)).astype(np.float32),
            labels=rng.integers(0, 2, _SAMPLES),
            class_names=("benign", "malignant"),
        ),
        "representations": {
            f"{family}/0": {
                layer: rng.normal(size=(_SAMPLES, 64)).astype(np.float32) for layer in layers
            }
            for family in families
        },
        "outcomes": {
            (matrix.layer, matrix.measure): dispersion.permutation_test(
                matrix.distances,
                [member.family for member in members],
                members=matrix.members,
                control=families[0],
                permutations=99,
                crosscheck_permutations=0,
            )
            for matrix in matrices
        },
    }
    factors = [
        sample_factor(layer, member.name, rng.normal(size=(_SAMPLES, 64)))
        for member in members
        for layer in layers
    ]
    print(
        f"{len(members)} members of {len(families)} families, {len(layers)} layers, "
        f"{len(_MEASURES)} measures, {_SAMPLES} probe samples"
    )
    with tempfile.TemporaryDirectory() as scratch:
        _print("the projector's files alone", lambda: _projector(Path(scratch), members, matrices))
        logdir = options.keep or Path(scratch) / "logs"
        _print(
            "write_experiment",
            lambda: write_experiment(logdir, **arguments, sample_factors=iter(factors)),
        )
        if options.snapshots:
            followed: list[Trajectories] = []
            _print(
                f"all snapshots of {options.snapshots} epochs compared",
                lambda: followed.extend(_follow(layers, members, options.snapshots, rng)),
            )
            _print(
                "write_experiment with them",
                lambda: write_experiment(
                    logdir, **arguments, trajectories=followed, sample_factors=iter(factors)
                ),
            )


def _print(what: str, work) -> None:
    began, busy = time.perf_counter(), time.process_time()
    work()
    seconds, of_processor = time.perf_counter() - began, time.process_time() - busy
    print(f"{what:<44} {seconds:6.1f} s ({of_processor:.1f} s of processor time)", flush=True)


def _projector(folder: Path, members: list[MemberRecord], matrices: list[SimilarityMatrix]) -> None:
    metadata = members_metadata(members)
    maps: list[Embedding] = [
        map_of_models(f"{matrix.layer}/{matrix.measure}", matrix.distances, metadata)[0]
        for matrix in matrices
    ]
    (folder / "projector").mkdir()
    write_embeddings(folder / "projector", maps)


def _member(family: str, seed: int, layers: list[str], rng: np.random.Generator) -> MemberRecord:
    rise = 1 - 0.5 ** np.arange(1, _EPOCHS + 1) - 0.1 * rng.random(_EPOCHS)
    start = {
        "epoch": 0,
        "step": 0,
        "what": "activation",
        "from": "relu",
        "to": "relu",
        "layers": layers,
    }
    swap = start | {"epoch": 4, "step": 400, "to": "tanh"}
    accuracy = float(rise[-1])
    return MemberRecord(
        family=family,
        seed=seed,
        schedule="@0 activation=relu; @4 activation=tanh",
        layers=tuple(layers),
        metrics={"train_accuracy": accuracy, "test_accuracy": accuracy - 0.05, "gap": 0.05},
        history={
            name: tuple(values.tolist())
            for name, values in (
                ("loss", 1 - rise),
                ("accuracy", rise),
                ("val_loss", 1.1 - rise),
                ("val_accuracy", rise - 0.05),
            )
        },
        swaps=(start, swap),
        steps_per_epoch=100,
    )


def _matrix(
    layer: str, measure: str, members: list[MemberRecord], rng: np.random.Generator
) -> SimilarityMatrix:
    """Return chords between unit vectors: families about centres, as wide as their numbers say."""
    families = list(dict.fromkeys(member.family for member in members))
    centres = rng.normal(size=(len(families), 30))
    places = np.array(
        [
            centres[families.index(member.family)]
            + (0.3 + 0.1 * families.index(member.family)) * rng.normal(size=30)
            for member in members
        ]
    )
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    distances = cdist(places, places)
    distances = (distances + distances.T) / 2
    np.fill_diagonal(distances, 0.0)
    count = len(members)
    return SimilarityMatrix(
        layer,
        measure,
        tuple(member.name for member in members),
        1 - distances**2 / 2,
        distances,
        _SAMPLES,
        np.full(count, 64),
        np.full(count, 64),
    )


def _follow(
    layers: list[str], members: list[MemberRecord], snapshots: int, rng: np.random.Generator
) -> list[Trajectories]:
    return [
        follow_members(
            layer,
            _MEASURES[0],
            range(snapshots),
            {
                member.name: rng.normal(size=(snapshots, _SAMPLES, 64)).astype(np.float32)
                for member in members
            },
        )
        for layer in layers
    ]


if __name__ == "__main__":
    main()
