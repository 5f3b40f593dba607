import pytest
from absl import flags

from akp_keras.experiment.flags import define_flags, settings_from_flags
from akp_keras.experiment.run_directory import RunDirectory, read_json


def settings(*arguments):
    values = flags.FlagValues()
    define_flags(values)
    families = ["--family=control: @0 activation=relu", "--family=x: @1 activation=tanh"]
    values(["test", *families, *arguments])
    return settings_from_flags(values)


def test_a_new_folder_is_claimed_and_taken_up_again(tmp_path):
    run = RunDirectory(tmp_path / "deep" / "RUN")
    run.claim(settings(), "drawn for a test")
    before = run.experiment.read_bytes()
    run.claim(settings(), "drawn for a test")
    assert run.experiment.read_bytes() == before
    assert run.data_description() == "drawn for a test"
    stored = read_json(run.experiment)
    assert stored["flags"]["family"]["x"] == "@1 activation=tanh"
    assert stored["members"]["x/0"]["random_seed"] >= 0
    assert "keras" in stored["versions"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--epochs=3", "holds a run made with --epochs=8, not 3"),
        ("--measures=cka.linear", "--measures=cka.linear,cka.linear.debiased,.*not cka.linear;"),
        (
            "--family=y: @0 loss=hinge",
            "holds a run made with --family='.no family y.', not 'y: @0 loss=hinge'",
        ),
        ("--snapshots=0", "holds a run made with --snapshots=None, not 0,7"),
    ],
)
def test_other_flags_are_refused_by_the_flag_that_differs(tmp_path, argument, message):
    run = RunDirectory(tmp_path / "RUN")
    run.claim(settings(), "")
    with pytest.raises(ValueError, match=message):
        run.refuse_other_run(settings(argument))


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("do not touch")
    with pytest.raises(ValueError, match="is not empty and holds no experiment"):
        RunDirectory(tmp_path).claim(settings(), "")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file; name a folder"):
        RunDirectory(tmp_path / "file").claim(settings(), "")
    with pytest.raises(ValueError, match="is no folder that can be written"):
        RunDirectory(tmp_path / "file" / "RUN").claim(settings(), "")


def test_a_damaged_experiment_is_named(tmp_path):
    run = RunDirectory(tmp_path / "RUN")
    run.claim(settings(), "")
    run.experiment.write_text("{")
    with pytest.raises(ValueError, match=r"experiment\.json is damaged, so what this run was"):
        run.refuse_other_run(settings())


def test_leavings_of_a_killed_run_are_removed_and_results_stay(tmp_path):
    run = RunDirectory(tmp_path / "RUN")
    run.claim(settings(), "")
    leavings = [
        run.members / "x" / "0.99.unfinished" / "saved_model",
        run.root / ".representations.abc" / "x",
        run.similarity / ".representations.abc" / "x",
        run.root / ".tensorboard.partial" / "00_models",
    ]
    for folder in leavings:
        folder.mkdir(parents=True)
    for file in (
        run.root / "probe.npz.7.unfinished",
        run.similarity / "dense" / "a.npz.7.unfinished",
    ):
        file.parent.mkdir(exist_ok=True)
        file.write_text("half")
        leavings.append(file)
    kept = run.similarity / "dense" / "a.npz"
    kept.write_text("whole")
    run.resume(settings())
    assert not [path for path in leavings if path.exists()]
    assert kept.exists()


def test_a_run_killed_before_its_first_file_was_whole_can_begin_anew(tmp_path):
    (tmp_path / "experiment.json.unfinished").write_text("{")
    run = RunDirectory(tmp_path)
    run.claim(settings(), "")
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.json"]


def test_two_processes_cannot_work_on_one_run(tmp_path):
    first, second = RunDirectory(tmp_path / "RUN"), RunDirectory(tmp_path / "RUN")
    first.claim(settings(), "")
    with pytest.raises(ValueError, match="is in use by another process"):
        second.claim(settings(), "")
    first.release()
    second.claim(settings(), "")
    second.release()
