"""A run with random families of one member, through all steps, and its growth."""

import json

import pytest

import akp_keras

pytestmark = pytest.mark.slow

SETTINGS = {
    "families": {"control": "@0 activation=relu loss=binary_crossentropy"},
    "dataset": "wisconsin_breast_cancer",
    "model": "mlp",
    "epochs": 4,
    "members": 5,
    "probe_samples": 48,
    "permutations": 199,
    "measures": ["cka.linear.debiased"],
    "stress": "activation=tanh|sigmoid|elu; loss=hinge|poisson|mean_squared_error; swaps=1..2",
    "random_families": 8,
    "workers": 1,
}


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A run of 8 and then 13 random families, and what the first had written of its members."""
    run_dir = tmp_path_factory.mktemp("random") / "RUN"
    akp_keras.run_experiment(**SETTINGS, run_dir=run_dir)
    before = {path: path.stat().st_mtime_ns for path in run_dir.glob("members/*/*/history.csv")}
    return akp_keras.run_experiment(**SETTINGS | {"random_families": 13}, run_dir=run_dir), before


def test_a_run_grows_by_random_families(grown):
    run, before = grown
    assert len(before) == 5 + 8
    assert len(run.members) == 5 + 13
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_schedules_are_written_out(grown):
    run, _ = grown
    written = json.loads(run.directory.experiment.read_text())["settings"]["families"]
    assert len(written) == 14
    schedules = run.members.drop_duplicates("family").set_index("family").schedule
    for text in written[1:]:
        heading, _, schedule = text.partition(": ")
        assert schedules[heading.removesuffix(" members=1")] == schedule


def test_every_part_of_the_run_takes_families_of_one_member(grown):
    run, _ = grown
    summary = run.summary()
    assert "× activation" in summary and "\nrandom" not in summary
    across = run.verdicts.query("kind == 'all' and estimand == 'across'")
    assert across.sentence.str.contains("this distribution of stress|Undecidable").all()
    assert (run.verdicts.query("estimand == 'within'").verdict == "undecidable").all()
    verdict = json.loads(run.directory.verdict.read_text())
    assert [entry["verdict"] for entry in verdict["verdicts"]] == list(across.verdict)
    page = (run.directory.report / "index.html").read_text()
    assert "× activation" in page and "random012" in page
    runs = [path.parent for path in run.directory.tensorboard.rglob("events.out.tfevents.*")]
    assert not [path for path in runs if path.parent.name == "families" and "random" in path.name]
