import os
import subprocess
import sys
from pathlib import Path

import pytest

from akp_keras.training import MemberSpecification

ROOT = Path(__file__).parents[2]
SMALL = (
    "--dataset=wisconsin_breast_cancer",
    "--model=mlp",
    "--epochs=1",
    "--members=1",
    "--workers=1",
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family="], "--family is missing"),
        (["--family=x: @0 activation=reluu"], "did you mean 'relu'?"),
        (["--family=@0 activation=relu"], "has no name"),
        (["--family=x: @0 activation=relu; @1 activation=tanh"], "never comes"),
        (["--epochs=0"], "--epochs=0 must be at least 1"),
        (["--members=0"], "--members=0 must be at least 1"),
        (["--first_member=-1"], "--first_member=-1 must be at least 0"),
        (["--model=mpl"], "unknown model 'mpl'; did you mean 'mlp'?"),
        (["--snapshots=7"], "epoch 7 never comes"),
        (["--workers=0"], "--workers=0 must be at least 1"),
    ],
)
def test_wrong_input_ends_in_one_line_and_leaves_nothing(tmp_path, command, arguments, message):
    family = "--family=x: @0 activation=relu"
    code, _, err = command(
        "family_trainer", family, *SMALL, f"--output={tmp_path / 'out'}", *arguments
    )
    (line,) = err.splitlines()
    assert code == 2
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_the_executor_makes_one_artifact_a_member(tmp_path, monkeypatch):
    pytest.importorskip("tfx", reason="ml-pipelines-sdk is not installed")
    from components import artifacts
    from components.family_trainer import executor

    given = {}

    def train(output, **parameters):
        given.update(parameters, output=output)
        return [MemberSpecification("late", seed, "@0 activation=relu", 7) for seed in (0, 1)]

    monkeypatch.setattr(executor, "family_trainer", train)
    family = artifacts.TrainedMember()
    family.uri = str(tmp_path)
    outputs = {"trained": [family]}
    executor.Executor().Do({}, outputs, {"members": 2, "code_version": "1", "data_dir": None})
    assert given == {"output": str(tmp_path), "members": 2}
    assert [
        (member.uri, member.family, member.seed, member.schedule) for member in outputs["trained"]
    ] == [(f"{tmp_path}/{seed}", "late", seed, "@0 activation=relu") for seed in (0, 1)]
    seeds = [member.random_seed for member in outputs["trained"]]
    assert seeds == [
        MemberSpecification("late", seed, "@0 activation=relu", 7).random_seed for seed in (0, 1)
    ]


@pytest.mark.slow
def test_keras_2_is_not_taken_where_the_full_tfx_asks_for_it(tmp_path):
    """`TF_USE_LEGACY_KERAS=1`, as tfx sets it: members are trained and loaded, the same bytes."""
    trained = {}
    for legacy in ("0", "1"):
        output = tmp_path / legacy
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "components.family_trainer",
                "--family=x: @0 activation=relu",
                *SMALL,
                f"--output={output}",
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"TF_USE_LEGACY_KERAS": legacy},
        )
        assert done.returncode == 0, done.stderr
        loaded = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, hashlib, numpy as np\n"
                "from akp_keras.data import load_dataset\n"
                "from akp_keras.export import load_representations\n"
                "inputs = load_dataset('wisconsin_breast_cancer').test.inputs\n"
                "for layer, values in load_representations(sys.argv[1], inputs).items():\n"
                "    print(layer, hashlib.sha256(values.tobytes()).hexdigest())\n",
                str(output / "0" / "saved_model"),
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"TF_USE_LEGACY_KERAS": legacy},
        )
        assert loaded.returncode == 0, loaded.stderr
        trained[legacy] = loaded.stdout
    assert trained["0"].startswith("dense1 ")
    assert trained["0"] == trained["1"]
