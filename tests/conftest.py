"""Results of an experiment without networks: members' folders and matrices made by hand."""

import gc
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A worker of pytest is on every core. The threads of several BLASes would wait for each other
# there, which takes several times as long as the products of these small matrices.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

# They take longest: begun last, a file of them would keep the other workers waiting. The first one
# makes the finished run that others look at.
LONGEST_FIRST = (
    "steps/test_end_to_end.py",
    "hotswap",
    "pipelines",
    "components",
    "steps",
    "training",
    "tensorboard",
)


def pytest_collection_modifyitems(items):
    tests = Path(__file__).parent

    def rank(item):
        path = item.path.relative_to(tests).as_posix()
        places = (n for n, start in enumerate(LONGEST_FIRST) if path.startswith(start))
        return next(places, len(LONGEST_FIRST))

    items.sort(key=rank)


def pytest_collection_finish():
    """Keeps what the tests' modules imported, TensorFlow among it, out of garbage collections."""
    gc.freeze()


@pytest.fixture(scope="session")
def run_main():
    """A function that runs an experiment as users do, and returns what was printed."""

    def run(flagfile, run_dir):
        command = [sys.executable, "-m", "akp_keras.main"]
        done = subprocess.run(
            [*command, f"--flagfile={flagfile}", f"--run_dir={run_dir}"],
            capture_output=True,
            text=True,
            timeout=900,
            cwd=Path(__file__).parents[1],
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


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


def _write_member(folder, family, seed, accuracy):
    """Writes a member whose SavedModel is empty, without TensorFlow."""
    from akp_keras.export import MemberRecord, member_folder, write_member
    from akp_keras.files.whole import write_json

    def save_nothing(path, model, *, layers, description):
        (path / "assets.extra").mkdir(parents=True)
        (path / "saved_model.pb").write_bytes(b"")
        akp = {"format_version": 1, **description, "layers": list(layers)}
        write_json(path / "assets.extra" / "akp.json", akp)

    record = MemberRecord(
        family=family,
        seed=seed,
        schedule=SCHEDULE,
        layers=LAYERS,
        metrics={
            "train_accuracy": 1.0,
            "validation_accuracy": accuracy,
            "test_accuracy": accuracy,
            "gap": 1.0 - accuracy,
        },
        history={"loss": (1.0,), "accuracy": (0.5,), "val_loss": (1.0,), "val_accuracy": (0.5,)},
        swaps=(),
        steps_per_epoch=10,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(member_folder, "save_member", save_nothing)
        write_member(folder, record, model=None, description={})


@pytest.fixture
def write_member_folder():
    """Writes a member whose SavedModel is empty: (folder, family, seed, accuracy)."""
    return _write_member


@pytest.fixture(scope="session")
def experiment(tmp_path_factory):
    """A folder with members/<family>/<seed>, similarity/<layer>/<measure>.npz, probe/."""
    from akp_keras.comparison import SimilarityMatrix, matrix_path, write_matrix
    from akp_keras.data import ProbeSet, write_probe

    root = tmp_path_factory.mktemp("experiment")
    rng = np.random.default_rng(0)
    names, points = [], []
    for number, (family, (spread, accuracy)) in enumerate(FAMILIES.items()):
        centre = np.full(4, number, float)
        for seed in range(MEMBERS):
            names.append(f"{family}/{seed}")
            points.append(centre + spread * rng.normal(size=4))
            _write_member(root / "members" / names[-1], family, seed, accuracy - 0.001 * seed)
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
