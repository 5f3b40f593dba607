"""The Python door: runs as frames and pictures. Results are made by hand, without networks."""

import json
import shutil

import numpy as np
import pytest

import akp_keras
from akp_keras.run import Run
from akp_keras.settings import Experiment
from akp_keras.steps.dispersion_test import DISPERSION_TEST
from akp_keras.steps.run_directory import RunDirectory

LEADING = "procrustes.angular"


@pytest.fixture(scope="module")
def run(experiment, tmp_path_factory):
    """A finished run of six families of five members at two layers."""
    root = tmp_path_factory.mktemp("run") / "RUN"
    shutil.copytree(experiment, root)
    families = dict.fromkeys(("zero", "a", "b", "c", "d", "e"), "@0 activation=relu")
    settings = Experiment(
        families=families,
        members=5,
        control="zero",
        measures=[LEADING, "cka.linear"],
        permutations=99,
    )
    RunDirectory(root).write_experiment(settings)
    tested = tmp_path_factory.mktemp("tested") / "out"
    DISPERSION_TEST(
        tested,
        matrices=root / "similarity",
        members=[root / "members"],
        measures=settings.measures,
        control="zero",
        permutations=99,
    )
    for name in ("dispersion.json", "verdict.json", "principle.json"):
        shutil.copy(tested / name, root / name)
    return Run(root)


def test_it_says_what_it_is(run):
    assert repr(run).endswith("RUN': 6 families, 30 members, small_cnn on synthetic_cells>")
    assert run.layers == ("second", "first")
    assert run.settings.control == "zero"


def test_members_are_one_row_each_in_the_order_of_the_families(run):
    members = run.members
    assert list(members.member[:6]) == [*(f"zero/{seed}" for seed in range(5)), "a/0"]
    assert members.groupby("family").test_accuracy.mean()["a"] == pytest.approx(0.898)
    assert len(run.history) == 30
    assert {"member", "epoch", "val_accuracy"} <= set(run.history.columns)


def test_frames_say_what_the_files_say(run):
    stored = json.loads(run.directory.dispersion.read_text())
    verdicts = run.tests.set_index(["layer", "measure"])
    dispersion = run.dispersion.set_index(["layer", "measure", "family"])
    assert len(verdicts) == len(stored) == 4
    assert list(run.tests.measure[:2]) == [LEADING, "cka.linear"]
    for entry in stored:
        key = (entry["layer"], entry["measure"])
        assert verdicts.loc[key, "verdict"] == entry["verdict"]
        for family, value in entry["dispersion"].items():
            row = dispersion.loc[(*key, family)]
            assert row.dispersion == value
            if family != "zero":
                assert np.log(row.ratio) == pytest.approx(entry["ratios"][family]["log_ratio"])
                assert row.low < row.ratio < row.high


def test_verdicts_are_one_row_per_estimand_with_its_sentence(run):
    stored = json.loads(run.directory.principle.read_text())
    verdicts = run.verdicts.query("kind == 'all'").set_index(["layer", "measure", "estimand"])
    assert len(verdicts) == 4 * 3
    for entry in stored:
        for estimand in ("across", "between", "within"):
            row = verdicts.loc[(entry["layer"], entry["measure"], estimand)]
            assert row.verdict == entry[estimand]["verdict"]
            assert row.sentence == entry[estimand]["sentence"]
    across = verdicts.xs("across", level="estimand")
    assert set(across.verdict) == {"undecidable"}
    assert across.sentence.str.contains("at least 7").all()


def test_matrices_are_frames_with_names(run):
    similarity, distances = run.similarity("first"), run.distances("first")
    assert list(similarity.index) == list(similarity.columns) == list(run.members.member)
    np.testing.assert_allclose(similarity, 1 - distances**2 / 2)
    assert similarity.equals(run.similarity("first", LEADING))
    with pytest.raises(ValueError, match="no layer 'frist'; did you mean 'first'"):
        run.similarity("frist")
    with pytest.raises(ValueError, match=r"no measure 'cka\.liner'; did you mean 'cka\.linear'"):
        run.distances("first", "cka.liner")


@pytest.mark.parametrize("picture", ["spread", "dispersion", "map", "similarity", "generalisation"])
def test_pictures_are_figures(run, picture, tmp_path):
    figure = getattr(run.plot, picture)("second", "cka.linear")
    figure.savefig(tmp_path / "picture.png")
    drawn = figure.canvas.buffer_rgba()
    assert len(np.unique(np.asarray(drawn).reshape(-1, 4), axis=0)) > 20


def test_training_is_drawn_for_a_metric_of_the_history(run):
    assert len(run.plot.training("loss").axes) == 6
    with pytest.raises(ValueError, match="no metric 'lose'; did you mean 'loss'"):
        run.plot.training("lose")


def test_the_summary_is_what_the_command_prints(run):
    summary = run.summary()
    assert f"Undecidable across families at second under {LEADING}" in summary
    assert f"Dispersion under {LEADING}" in summary
    assert f"Report:       {run.directory.report / 'index.html'}" in summary


def test_what_is_not_a_finished_run_is_refused(run, tmp_path):
    with pytest.raises(ValueError, match=r"experiment\.json is missing or damaged"):
        akp_keras.open_run(tmp_path)
    shutil.copy(run.directory.experiment, tmp_path)
    with pytest.raises(ValueError, match="is not finished: probe_set has yet to run"):
        akp_keras.open_run(tmp_path)
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        akp_keras.open_run(tmp_path / "nowhere")


def test_wrong_keywords_are_refused_by_name():
    with pytest.raises(TypeError, match="no setting 'epoch'; did you mean 'epochs'"):
        akp_keras.run_experiment(epoch=3)
    families = {"control": "@0 activation=relu", "x": "@1 activation=tanh"}
    with pytest.raises(ValueError, match="--epochs=0 must be from 1"):
        akp_keras.run_experiment(families=families, epochs=0)
    with pytest.raises(AttributeError, match="has no attribute 'run_experiments'"):
        _ = akp_keras.run_experiments
