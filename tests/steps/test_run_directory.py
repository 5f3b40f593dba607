import os

import pytest

from akp_keras.data import fingerprint
from akp_keras.files.whole import read_json, write_json
from akp_keras.settings import Experiment
from akp_keras.steps.run_directory import RunDirectory

FAMILIES = {"control": "@0 activation=relu", "x": "@1 activation=tanh"}


def experiment(**changed):
    return Experiment(**({"families": FAMILIES} | changed))


@pytest.fixture
def begun(tmp_path):
    """A run with one trained member."""
    run = RunDirectory(tmp_path / "deep" / "RUN")
    with run.opened(experiment()):
        run.write_experiment(experiment())
        (run.member("x/0") / "saved_model").mkdir(parents=True)
    return run


def test_what_was_written_is_read_again(begun):
    before = begun.experiment.read_bytes()
    with begun.opened(experiment()):
        begun.write_experiment(experiment())
    assert begun.experiment.read_bytes() == before
    assert begun.read_experiment() == experiment()
    stored = read_json(begun.experiment)
    assert stored["settings"]["families"] == [
        "control: @0 activation=relu",
        "x: @1 activation=tanh",
    ]
    assert stored["members"]["x/0"]["random_seed"] >= 0
    assert "keras" in stored["versions"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 3}, "holds members trained with --epochs=8, not 3"),
        ({"learning_rate": 0.1}, "--learning_rate=0.001, not 0.1"),
        ({"snapshots": "0"}, "holds members trained with --snapshots=, not 0,7"),
        (
            {"families": FAMILIES | {"x": "@2 activation=tanh"}},
            "--family='x: @1 activation=tanh', not 'x: @2 activation=tanh'",
        ),
    ],
)
def test_settings_that_make_members_incomparable_are_refused(begun, changed, message):
    with (
        pytest.raises(ValueError, match=message) as refusal,
        begun.opened(experiment(**changed)),
    ):
        pass
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"families": FAMILIES | {"y": "@0 loss=hinge"}},
        {"families": FAMILIES | {"y": "@0 loss=hinge"}, "control": "y"},
        {"members": 9},
        {"members": 2},
        {"measures": ["cka.linear"]},
        {"alpha": 0.1, "margin": 0.0, "permutations": 99},
        {"projector_members": 2, "memory_gb": 1.0},
        {"probe_samples": 64},
    ],
)
def test_a_run_may_grow(begun, changed):
    with begun.opened(experiment(**changed)):
        pass


def test_data_that_have_changed_are_refused(tmp_path):
    data, run = tmp_path / "own.npz", RunDirectory(tmp_path / "RUN")
    on_data = experiment(dataset=f"npz:{data}")
    data.write_bytes(b"first")
    with run.opened(on_data):
        run.write_experiment(on_data)
        write_json(run.data, {"data": "Mine.", "fingerprint": fingerprint(on_data.dataset)})
    data.write_bytes(b"second")
    with run.opened(on_data):
        pass  # no member is trained yet
    (run.member("x/0") / "saved_model").mkdir(parents=True)
    with (
        pytest.raises(ValueError, match=r"--dataset=npz:.* has changed since"),
        run.opened(on_data),
    ):
        pass
    data.write_bytes(b"first")
    with run.opened(on_data):
        pass


def test_nothing_is_incomparable_before_a_member_is_trained(tmp_path):
    run = RunDirectory(tmp_path)
    with run.opened(experiment()):
        run.write_experiment(experiment())
    with run.opened(experiment(epochs=3)):
        pass


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("do not touch")
    with (
        pytest.raises(ValueError, match="is not empty and holds no experiment"),
        RunDirectory(tmp_path).opened(experiment()),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_foreign_experiment_is_left_alone(tmp_path):
    (tmp_path / "experiment.json").write_text('{"mine": 1}')
    (tmp_path / "similarity").mkdir()
    with (
        pytest.raises(ValueError, match=r"experiment.json is missing or damaged"),
        RunDirectory(tmp_path).opened(experiment()),
    ):
        pass
    assert (tmp_path / "experiment.json").read_text() == '{"mine": 1}'
    assert (tmp_path / "similarity").is_dir()


def test_a_name_above_the_run_does_not_make_foreign_files_unfinished(tmp_path):
    folder = tmp_path / "thesis.unfinished" / "RUN"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("do not touch")
    with (
        pytest.raises(ValueError, match="is not empty and holds no experiment"),
        RunDirectory(folder).opened(experiment()),
    ):
        pass
    assert (folder / "thesis.txt").exists()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for place, message in (
        ("file", "is a file; name a folder"),
        ("file/RUN", "is not a folder that can be written to"),
    ):
        with (
            pytest.raises(ValueError, match=message),
            RunDirectory(tmp_path / place).opened(experiment()),
        ):
            pass


def test_what_fails_before_anything_is_written_leaves_no_folder(tmp_path):
    with (
        pytest.raises(ValueError, match="wrong"),
        RunDirectory(tmp_path / "deep" / "RUN").opened(experiment()),
    ):
        raise ValueError("wrong")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_experiment_is_named(begun):
    for damage, message in (
        ("{", r"experiment\.json is missing or damaged, so the settings of"),
        ("[]", r"experiment\.json is missing or damaged, so the settings of"),
        ('{"format_version": 1, "settings": {}}', "has format version 1, and this version of"),
        ('{"format_version": 2, "settings": {"epochs": 0}}', "is damaged: --family is"),
    ):
        begun.experiment.write_text(damage)
        with pytest.raises(ValueError, match=message), begun.opened(experiment()):
            pass


def test_leavings_of_a_killed_run_are_removed_and_results_stay(begun):
    leavings = [
        begun.members / "x" / "0.99.unfinished" / "saved_model",
        begun.root / ".similarity_evaluator.unfinished" / "similarity",
        begun.root / ".representations.abc.unfinished" / "x",
    ]
    for folder in leavings:
        folder.mkdir(parents=True)
    leavings.append(begun.root / ".probe.7.unfinished.npz")
    leavings[-1].write_text("half")
    kept = begun.similarity / "dense" / "a.npz"
    kept.parent.mkdir(parents=True)
    kept.write_text("whole")
    with begun.opened(experiment()):
        assert not [path for path in leavings if path.exists()]
        assert kept.exists()
        assert begun.member("x/0").exists()


def test_a_run_killed_before_its_first_file_was_whole_can_begin_anew(tmp_path):
    (tmp_path / ".experiment.7.unfinished.json").write_text("{")
    run = RunDirectory(tmp_path)
    with run.opened(experiment()):
        run.write_experiment(experiment())
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.json"]


def test_two_processes_cannot_work_on_one_run(tmp_path):
    first, second = RunDirectory(tmp_path / "RUN"), RunDirectory(tmp_path / "RUN")
    with first.opened(experiment()):
        with (
            pytest.raises(ValueError, match=rf"is in use by process {os.getpid()} on .+ since 20"),
            second.opened(experiment()),
        ):
            pass
        first.write_experiment(experiment())
    with second.opened(experiment()):
        pass
