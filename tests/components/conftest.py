"""Results of an experiment without networks: members' folders and matrices made by hand."""

import hashlib
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from akp_keras.comparison import SimilarityMatrix, matrix_path, write_matrix
from akp_keras.data import ProbeSet, write_probe

LAYERS = ("second", "first")  # the order of the network, which is not that of the alphabet
MEASURES = ("procrustes.angular", "cka.linear")
SCHEDULE = "@0 activation=relu"
# Family -> spread of its members, accuracy: what generalises less is dispersed more.
FAMILIES = {
    "zero": (0.1, 0.95),
    "a": (0.2, 0.9),
    "b": (0.4, 0.8),
    "c": (0.6, 0.7),
    "d": (0.8, 0.6),
    "e": (1.0, 0.5),
}
MEMBERS = 5


def write_member_folder(folder, family, seed, accuracy):
    assets = folder / "saved_model" / "assets.extra"
    assets.mkdir(parents=True)
    (folder / "saved_model" / "saved_model.pb").write_bytes(b"")
    description = {
        "format_version": 1,
        "family": family,
        "seed": seed,
        "schedule": SCHEDULE,
        "steps_per_epoch": 10,
        "layers": list(LAYERS),
    }
    (assets / "akp.json").write_text(json.dumps(description))
    metrics = {
        "train_accuracy": 1.0,
        "validation_accuracy": accuracy,
        "test_accuracy": accuracy,
        "gap": 1.0 - accuracy,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "swaps.json").write_text("[]")
    (folder / "history.csv").write_text(
        "epoch,loss,accuracy,val_loss,val_accuracy\n0,1,0.5,1,0.5\n"
    )
    checksums = {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    (folder / "checksums.json").write_text(json.dumps(checksums))


@pytest.fixture(scope="session")
def experiment(tmp_path_factory):
    """A folder with members/<family>/<seed>, similarity/<layer>/<measure>.npz, probe/."""
    root = tmp_path_factory.mktemp("experiment")
    rng = np.random.default_rng(0)
    names, points = [], []
    for number, (family, (spread, accuracy)) in enumerate(FAMILIES.items()):
        centre = np.full(4, number, float)
        for seed in range(MEMBERS):
            names.append(f"{family}/{seed}")
            points.append(centre + spread * rng.normal(size=4))
            write_member_folder(root / "members" / names[-1], family, seed, accuracy - 0.001 * seed)
    for layer in LAYERS:
        for measure in MEASURES:
            noisy = np.array(points) + 0.01 * rng.normal(size=(len(points), 4))
            distances = np.linalg.norm(noisy[:, None] - noisy[None], axis=-1) / 20
            matrix = SimilarityMatrix(
                layer=layer,
                measure=measure,
                members=tuple(names),
                values=1 - distances**2 / 2,
                distances=distances,
                samples=8,
                features=np.full(len(names), 4),
                ranks=np.full(len(names), 4),
            )
            write_matrix(matrix_path(root / "similarity", layer, measure), matrix)
    probe = root / "probe"
    probe.mkdir()
    write_probe(
        probe / "probe.npz",
        ProbeSet(
            ids=np.array([f"s{number}" for number in range(8)]),
            inputs=rng.normal(size=(8, 3)).astype(np.float32),
            labels=np.arange(8) % 2,
            class_names=("no", "yes"),
        ),
    )
    (probe / "data.json").write_text(json.dumps({"data": "Eight samples made by hand."}))
    return root


@pytest.fixture
def command(monkeypatch, capsys):
    """Calls `python -m components.<step>` in this process: (exit code, stdout, stderr)."""

    def call(step, *arguments):
        monkeypatch.setattr(sys, "argv", [step, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(f"components.{step}", run_name="__main__")
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return call


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }
