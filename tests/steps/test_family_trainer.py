import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from akp_keras.executors import Workplace, share_workplace
from akp_keras.export import read_member
from akp_keras.settings import Family, Member

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
        (["--family=@0 activation=relu"], "has no name"),
        (["--family=x: @0 activation=relu; @1 activation=tanh"], "is never reached"),
        (["--epochs=0"], "--epochs=0 must be from 1"),
        (["--members=0"], "--members=0 must be from 1"),
        (["--first_member=-1"], "--first_member=-1 must be from 0"),
        (["--model=mpl"], "unknown model 'mpl'; did you mean 'mlp'?"),
        (["--snapshots=7"], "epoch 7 is never reached"),
        (["--workers=0"], "--workers=0 must be from 1"),
    ],
)
def test_wrong_input_ends_in_one_line_and_leaves_nothing(tmp_path, command, arguments, message):
    if not arguments[0].startswith("--family"):
        arguments = ["--family=x: @0 activation=relu", *arguments]
    code, _, err = command("family_trainer", *SMALL, f"--output={tmp_path / 'out'}", *arguments)
    (line,) = err.splitlines()
    assert code == 2
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_the_executor_makes_one_artifact_per_member(tmp_path, monkeypatch, write_member_folder):
    pytest.importorskip("tfx", reason="ml-pipelines-sdk is not installed")
    from akp_keras.steps import family_trainer
    from akp_keras.tfx import FamilyTrainerExecutor, TrainedMember

    def train(settings, members, folder, *, executor, done):
        for member in members:
            write_member_folder(folder / member.name, member.family.name, member.seed, 0.9)

    monkeypatch.setattr(family_trainer, "train_members", train)
    monkeypatch.setattr(family_trainer, "check_training", lambda settings: None)
    family = TrainedMember()
    family.uri = str(tmp_path / "trained")
    outputs = {"trained": [family]}
    schedule = "@0 activation=relu"
    with ThreadPoolExecutor(1) as executor, share_workplace(Workplace(executor)):
        FamilyTrainerExecutor().Do(
            {},
            outputs,
            {"family": f"late: {schedule}", "members": 2, "seed": 7, "code_version": "1"},
        )
    assert [
        (member.uri, member.family, member.seed, member.schedule) for member in outputs["trained"]
    ] == [(f"{tmp_path}/trained/late-{seed}", "late", seed, schedule) for seed in (0, 1)]
    assert all(read_member(member.uri).family == "late" for member in outputs["trained"])
    assert [member.random_seed for member in outputs["trained"]] == [
        Member(Family.parse(f"late: {schedule}"), seed, 7).random_seed for seed in (0, 1)
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
                str(output / "x" / "0" / "saved_model"),
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
