from concurrent.futures import ThreadPoolExecutor

import pytest

from components.dispersion_test.step import dispersion_test
from components.embedding_writer import step
from components.workers import share_workers


@pytest.fixture
def outcome(experiment, tmp_path):
    dispersion_test(
        experiment / "similarity",
        [experiment / "members"],
        tmp_path / "tested",
        control="zero",
        permutations=99,
        alpha=0.05,
        margin=0.01,
        seed=3,
    )
    return tmp_path / "tested"


def test_it_hands_on_members_in_the_order_of_the_matrices(
    experiment, outcome, tmp_path, monkeypatch
):
    given = {}

    def write(folder, **arguments):
        given.update(arguments)
        (folder / "akp_tensorboard.json").write_text("{}")

    monkeypatch.setattr(step, "write_log_directory", write)
    with ThreadPoolExecutor(1) as executor, share_workers(executor):
        log = step.embedding_writer(
            experiment / "similarity",
            [experiment / "members" / family for family in ("e", "d", "c", "b", "a", "zero")],
            outcome,
            experiment / "probe",
            tmp_path / "log",
            projector_members=2,
            memory_gb=1.0,
            measures="cka.linear",
        )
        assert given["executor"] is executor
    assert [member.name for member in given["members"][:6]] == [
        *(f"zero/{seed}" for seed in range(5)),
        "a/0",
    ]
    assert list(given["saved_models"]) == [
        f"{family}/{seed}" for family in ("zero", "a", "b", "c", "d", "e") for seed in (0, 1)
    ]
    assert len(given["others"]) == 6 * 3
    assert [(matrix.layer, matrix.measure) for matrix in given["matrices"]] == [
        ("second", "cka.linear"),
        ("first", "cka.linear"),
    ]
    assert len(given["probe"].ids) == 8
    assert [path.name for path in log.iterdir()] == ["akp_tensorboard.json"]


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("probe", "nowhere.npz", "there is no probe set at nowhere.npz"),
        ("outcome", "nowhere.json", "nowhere.json is missing or damaged"),
        ("projector_members", "0", "--projector_members=0 must be at least 1"),
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
