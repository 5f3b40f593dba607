import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from akp_keras.comparison import matrix_path, read_matrix
from akp_keras.steps.dispersion_test import DISPERSION_TEST
from akp_keras.steps.principle import read_principle
from akp_keras.steps.verdicts import JudgingSettings, judge_layers, read_outcomes, write_outcomes

ROOT = Path(__file__).parents[2]
FAMILIES = ("zero", "a", "b", "c", "d", "e")
PARAMETERS = {
    "control": "zero",
    "permutations": 99,
    "alpha": 0.05,
    "margin": 0.01,
    "seed": 3,
    "schedules": "picked",
    "measures": "cka.linear,procrustes.angular",
}


@pytest.fixture(scope="module")
def tested(experiment, tmp_path_factory):
    output = tmp_path_factory.mktemp("tested") / "out"
    facts = DISPERSION_TEST(
        output,
        matrices=experiment / "similarity",
        members=[experiment / "members"],
        **PARAMETERS,
    )
    return facts["verdict"], output


def test_it_finds_what_the_members_were_made_to_show(tested):
    verdict, output = tested
    # Within families; across them, six are too few.
    assert verdict == "undecidable"
    outcomes = read_outcomes(output / "dispersion.json")
    assert list(outcomes) == [
        ("second", "cka.linear"),
        ("second", "procrustes.angular"),
        ("first", "cka.linear"),
        ("first", "procrustes.angular"),
    ]
    assert {outcome.verdict for outcome in outcomes.values()} == {"AKP"}
    assert {path.name for path in output.iterdir()} == {
        "dispersion.json",
        "principle.json",
        "verdict.json",
    }


def test_the_verdict_file_says_both_verdicts(tested):
    _, output = tested
    written = json.loads((output / "verdict.json").read_text())
    principle = read_principle(output / "principle.json")
    outcomes = read_outcomes(output / "dispersion.json")
    assert (written["verdict"], written["measure"]) == ("undecidable", "cka.linear")
    assert len(written["verdicts"]) == len(principle) == len(outcomes)
    for entry in written["verdicts"]:
        key = entry["layer"], entry["measure"]
        assert entry["verdict"] == principle[key].across.verdict == "undecidable"
        assert entry["sentence"] == principle[key].across.sentence
        assert entry["within_families"]["verdict"] == outcomes[key].verdict == "AKP"
        assert entry["within_families"]["adjusted_pvalue"] == outcomes[key].adjusted_pvalue


def test_members_that_are_not_compared_are_left_out(experiment, tested, tmp_path):
    _, output = tested
    shutil.copytree(experiment / "members", tmp_path / "members")
    # As --members=N with a smaller N leaves them.
    known = sorted((tmp_path / "members" / "zero").iterdir())
    further = known[0].with_name(str(len(known)))
    shutil.copytree(known[0], further)
    (described,) = further.rglob("akp.json")
    content = json.loads(described.read_text())
    described.write_text(json.dumps(content | {"seed": len(known)}))
    checksums = json.loads((further / "checksums.json").read_text())
    checksums[str(described.relative_to(further))] = hashlib.sha256(
        described.read_bytes()
    ).hexdigest()
    (further / "checksums.json").write_text(json.dumps(checksums))
    DISPERSION_TEST(
        tmp_path / "out",
        matrices=experiment / "similarity",
        members=[tmp_path / "members"],
        **PARAMETERS,
    )
    for name in ("dispersion.json", "principle.json", "verdict.json"):
        assert (tmp_path / "out" / name).read_bytes() == (output / name).read_bytes()


def test_it_is_the_function_of_the_room_below(experiment, tested, tmp_path):
    matrices = [
        read_matrix(matrix_path(experiment / "similarity", layer, measure))
        for layer in ("second", "first")
        for measure in ("cka.linear", "procrustes.angular")
    ]
    accuracy = dict(zip(FAMILIES, (0.95, 0.9, 0.8, 0.7, 0.6, 0.5), strict=True))
    outcomes = judge_layers(
        matrices,
        {
            f"{family}/{seed}": accuracy[family] - 0.001 * seed
            for family in FAMILIES
            for seed in range(5)
        },
        JudgingSettings(
            **{name: value for name, value in PARAMETERS.items() if name != "measures"}
        ),
    )
    write_outcomes(tmp_path / "dispersion.json", outcomes)
    assert (tmp_path / "dispersion.json").read_bytes() == (
        tested[1] / "dispersion.json"
    ).read_bytes()


def test_members_may_be_named_in_any_way_and_order(experiment, tested, tmp_path):
    backwards = [experiment / "members" / family for family in reversed(FAMILIES)]
    DISPERSION_TEST(
        tmp_path / "out", matrices=experiment / "similarity", members=backwards, **PARAMETERS
    )
    for name in ("dispersion.json", "verdict.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tested[1] / name).read_bytes()


def test_the_command_prints_the_verdict_alone(experiment, tested, tmp_path, command):
    code, out, _ = command(
        "dispersion_test",
        f"--matrices={experiment / 'similarity'}",
        f"--members={experiment}/members/*/*",
        f"--output={tmp_path / 'out'}",
        *(f"--{name}={value}" for name, value in PARAMETERS.items()),
    )
    assert (code, out) == (0, "undecidable\n")
    assert (tmp_path / "out" / "dispersion.json").read_bytes() == (
        tested[1] / "dispersion.json"
    ).read_bytes()


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("members", "{root}/nowhere/*", "--members={root}/nowhere/*: there is no member's folder"),
        ("members", "{root}/members/a", "--members lacks zero/0, which the matrix of"),
        ("matrices", "{root}/nowhere", "--matrices={root}/nowhere holds no matrix"),
        ("measures", "cka.linaer", "did you mean 'cka.linear'?"),
        ("control", "none", "--control=none is not one of the families (zero, a, b, c, d, e)"),
        ("alpha", "2", "--alpha=2.0 must be above 0 and below 1"),
        ("permutations", "9", "--permutations=9 must be from 99"),
        ("output", "{root}/members", "--output={root}/members already exists"),
        ("output", "{root}/probe/probe.npz", "probe.npz already exists"),
        ("matrices", "", "--matrices is missing"),
    ],
)
def test_wrong_input_ends_in_one_line_and_writes_nothing(
    experiment, tmp_path, command, flag, value, message
):
    flags = {
        "matrices": experiment / "similarity",
        "members": experiment / "members",
        "output": tmp_path / "out",
        "control": "zero",
        "permutations": 199,
    } | {flag: value.format(root=experiment)}
    code, out, err = command("dispersion_test", *(f"--{n}={v}" for n, v in flags.items()))
    (line,) = err.splitlines()
    assert code == 2
    assert out == ""
    assert line.startswith("components.dispersion_test: ")
    assert message.format(root=experiment) in line
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_matrix_and_a_damaged_member_are_named(experiment, tmp_path, command):
    copy = tmp_path / "copy"
    shutil.copytree(experiment, copy)
    (copy / "similarity" / "first" / "cka.linear.npz").write_bytes(b"PK")
    arguments = (
        f"--matrices={copy / 'similarity'}",
        f"--members={copy / 'members'}",
        f"--output={tmp_path / 'out'}",
        "--control=zero",
    )
    code, _, err = command("dispersion_test", *arguments)
    assert code == 2
    assert "first/cka.linear.npz is missing, damaged or not a similarity matrix" in err
    (copy / "members" / "b" / "3" / "history.csv").write_text("epoch")
    code, _, err = command("dispersion_test", *arguments)
    assert code == 2
    assert "members/b/3 is incomplete or damaged (history.csv is not as it was written)" in err
    assert not (tmp_path / "out").exists()


def test_two_members_of_one_name_are_refused(experiment, tmp_path, command):
    shutil.copytree(experiment / "members" / "a" / "0", tmp_path / "twin")
    code, _, err = command(
        "dispersion_test",
        f"--matrices={experiment / 'similarity'}",
        f"--members={experiment / 'members'},{tmp_path / 'twin'}",
        f"--output={tmp_path / 'out'}",
        "--control=zero",
    )
    assert code == 2
    assert "both hold a/0" in err


# TensorFlow is kept out, as it is where ml-pipelines-sdk is installed alone.
WITHOUT_TENSORFLOW = """
import sys
from pathlib import Path
sys.modules["tensorflow"] = None
import tfx
from tfx.types import channel_utils, standard_artifacts
from components import artifacts
from components.dispersion_test import component, executor

root, output = map(Path, sys.argv[1:])
def artifact(kind, uri):
    made = kind()
    made.uri = str(uri)
    return made
outputs = {
    "outcome": [artifact(artifacts.DispersionOutcome, output / "outcome")],
    "verdict": [artifact(standard_artifacts.String, output / "verdict")],
}
executor.Executor().Do(
    {
        "matrices": [artifact(artifacts.SimilarityMatrices, root / "similarity")],
        "members": [artifact(artifacts.TrainedMember, p) for p in root.glob("members/*/*")],
    },
    outputs,
    dict(control="zero", permutations=99, alpha=0.05, margin=0.01, seed=3,
         schedules="picked", measures="cka.linear,procrustes.angular", code_version="1"),
)
print(outputs["outcome"][0].verdict, Path(output / "verdict").read_text())
assert not any(name.split(".")[0] in ("keras", "tensorflow") and module
               for name, module in sys.modules.items())
"""


def test_the_executor_runs_without_tensorflow(experiment, tested, tmp_path):
    pytest.importorskip("tfx", reason="ml-pipelines-sdk is not installed")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, experiment, tmp_path],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["undecidable", "undecidable"]
    assert (tmp_path / "outcome" / "dispersion.json").read_bytes() == (
        tested[1] / "dispersion.json"
    ).read_bytes()


def test_the_tfx_component_records_every_setting_and_the_code():
    pytest.importorskip("tfx", reason="ml-pipelines-sdk is not installed")
    from tfx.types import channel_utils

    from akp_keras.code_version import code_version
    from components import artifacts
    from components.dispersion_test.component import DispersionTest

    matrices = channel_utils.as_channel([artifacts.SimilarityMatrices()])
    members = channel_utils.as_channel([artifacts.TrainedMember()])
    made = DispersionTest(matrices, members, **PARAMETERS, code_version="1")
    assert made.outputs["verdict"].type_name == "String"
    assert made.outputs["outcome"].type_name == "DispersionOutcome"
    assert made.exec_properties == PARAMETERS | {"code_version": "1"}
    # TFX does not record defaults, and a cached result would outlive a change of one.
    by_default = DispersionTest(matrices, members, control="zero").exec_properties
    assert by_default == {
        "control": "zero",
        "permutations": 9999,
        "alpha": 0.05,
        "margin": 0.01,
        "seed": 0,
        "schedules": "picked",
        "measures": "",
        "code_version": code_version(),
    }
    with pytest.raises(ValueError, match=r"--alpha=2\.0 must be above 0 and below 1"):
        DispersionTest(matrices, members, alpha=2.0)
    with pytest.raises(TypeError, match="alhpa"):
        DispersionTest(matrices, members, alhpa=0.1)


def test_the_kubeflow_component_installs_nothing_and_gives_the_verdict(
    experiment, tested, tmp_path
):
    pytest.importorskip("kfp", reason="kfp is not installed")
    from kfp import dsl

    from components.dispersion_test.kubeflow import component

    made = component("registry.example/akp-keras:1")
    container = made.component_spec.implementation.container
    assert container.image == "registry.example/akp-keras:1"
    assert "pip install" not in " ".join(map(str, container.command))
    outcome = dsl.Dataset(uri=str(tmp_path / "outcome"))
    made.python_func(
        matrices=dsl.Dataset(uri=str(experiment / "similarity")),
        members=[dsl.Model(uri=str(experiment / "members" / family)) for family in FAMILIES],
        code_version="1",
        outcome=outcome,
        verdict=str(tmp_path / "verdict"),
        **PARAMETERS,
    )
    assert (tmp_path / "verdict").read_text() == "undecidable"
    assert outcome.metadata["verdict"] == "undecidable"
    assert (tmp_path / "outcome" / "verdict.json").read_bytes() == (
        tested[1] / "verdict.json"
    ).read_bytes()
