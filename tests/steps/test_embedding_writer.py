import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from akp_keras.comparison import representations
from akp_keras.executors import Workplace, share_workplace
from akp_keras.steps.dispersion_test import DISPERSION_TEST
from akp_keras.steps.embedding_writer import EMBEDDING_WRITER


@pytest.fixture(scope="module")
def tested(experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tested") / "out"
    DISPERSION_TEST(
        folder,
        matrices=experiment / "similarity",
        members=[experiment / "members"],
        control="zero",
        permutations=99,
        seed=3,
    )
    return folder


@pytest.fixture
def outcome(tested, tmp_path):
    shutil.copytree(tested, tmp_path / "tested")
    return tmp_path / "tested"


def test_it_shows_members_in_the_order_of_the_matrices(experiment, outcome, tmp_path, monkeypatch):
    asked = []

    def answers(path, inputs, *, layers, signature, trust=()):
        asked.append("/".join(Path(path).parts[-3:-1]))
        (samples,) = inputs.values()
        kernel = np.random.default_rng(len(asked)).normal(size=(3, 5))
        yield dict.fromkeys(layers, samples @ kernel)

    monkeypatch.setattr(representations, "iterate_representations", answers)
    monkeypatch.setattr(representations, "configure_tensorflow", lambda: None)
    kept = tmp_path / "kept"
    arguments = {
        "matrices": experiment / "similarity",
        "members": [experiment / "members" / family for family in "edcba"]
        + [experiment / "members" / "zero"],
        "outcome": outcome,
        "probe": experiment / "probe",
        "projector_members": 2,
        "measures": "cka.linear",
    }
    with ThreadPoolExecutor(1) as executor, share_workplace(Workplace(executor, kept)):
        EMBEDDING_WRITER(tmp_path / "log", **arguments)
        assert len(asked) == 30
        EMBEDDING_WRITER(tmp_path / "again", **arguments)
        assert len(asked) == 30, "what is kept is not asked for again"
    metadata = next((tmp_path / "log" / "00_models").rglob("*metadata*.tsv")).read_text()
    names = [line.split("\t")[0] for line in metadata.splitlines()[1:]]
    assert [name for name in names if name.startswith(("zero", "a/"))][:6] == [
        *(f"zero/{seed}" for seed in range(5)),
        "a/0",
    ]
    shown = {path.parent.name for path in (tmp_path / "log").glob("members/*/*/*.tsv")} | {
        "/".join(path.parts[-3:-1]) for path in (tmp_path / "log").glob("members/*/*/*.tsv")
    }
    assert {name for name in shown if name.startswith("zero/")} == {"zero/m0", "zero/m1"}


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("probe", "nowhere.npz", "no probe set at nowhere.npz"),
        ("outcome", "nowhere.json", "nowhere.json is missing or damaged"),
        ("projector_members", "0", "--projector_members=0 must be from 1"),
    ],
)
def test_wrong_input_ends_in_one_line_and_writes_nothing(
    experiment, outcome, tmp_path, command, flag, value, message
):
    flags = {
        "matrices": experiment / "similarity",
        "members": experiment / "members",
        "outcome": outcome,
        "probe": experiment / "probe",
        "output": tmp_path / "log",
    } | {flag: value}
    code, _, err = command("embedding_writer", *(f"--{n}={text}" for n, text in flags.items()))
    (line,) = err.splitlines()
    assert code == 2
    assert message in line
    assert list(tmp_path.iterdir()) == [outcome]
