"""SavedModels of code that never heard of akp_keras, compared from the command line."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from akp_keras import similarity
from akp_keras.comparison import read_matrix
from akp_keras.export import load_representations
from akp_keras.main import akp
from akp_keras.steps.command import run_step
from akp_keras.steps.similarity_evaluator import SIMILARITY_EVALUATOR


def main(arguments):
    return run_step(SIMILARITY_EVALUATOR, arguments, program="components.similarity_evaluator")


SAMPLES = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
WRITE = """
import sys

import keras
import tensorflow as tf

for seed in range(3):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    output = keras.layers.Dense(3)(hidden)
    keras.Model(inputs, output).export(f"{sys.argv[1]}/plain/{seed}", verbose=False)
    several = keras.Model(inputs, {"block/relu": hidden, "block.relu": output})
    several.export(f"{sys.argv[1]}/several/{seed}/export", verbose=False)

    two = {name: keras.Input((6,), name=name) for name in ("left", "right")}
    sums = keras.layers.Dense(4)(keras.layers.Concatenate()([two["left"], two["right"]]))
    keras.Model(two, sums).export(f"{sys.argv[1]}/two/{seed}", verbose=False)

    class Module(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.random.normal((6, 4)))

        @tf.function(input_signature=[tf.TensorSpec((8, 6), tf.float64)])
        def features(self, x):
            return {"features": tf.cast(x, tf.float32) @ self.kernel}

    module = Module()
    tf.saved_model.save(
        module, f"{sys.argv[1]}/module/{seed}", signatures={"features": module.features}
    )
assert not any(name.startswith("akp_keras") for name in sys.modules)
"""


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    subprocess.run([sys.executable, "-c", WRITE, folder], check=True, capture_output=True)
    np.savez(folder / "probe.npz", x=SAMPLES, ids=np.arange(40))
    return folder


def command(exports, models, output, *arguments):
    return [
        f"--saved_models={exports}/{models}",
        f"--probe={exports}/probe.npz",
        "--measures=cka.linear,procrustes.angular",
        f"--output={output}",
        *arguments,
    ]


def matrices(output):
    read = [read_matrix(path) for path in Path(output).rglob("*.npz")]
    return {(matrix.layer, matrix.measure): matrix for matrix in read}


@pytest.mark.usefixtures("_in_this_process")
@pytest.mark.parametrize(
    ("models", "signature", "layers"),
    [
        ("plain/*", "serving_default", ["output_0"]),
        ("several/*/export", "serving_default", ["block.relu", "block/relu"]),
        ("module", "features", ["features"]),
    ],
)
def test_they_are_compared_by_their_own_signatures(exports, tmp_path, models, signature, layers):
    output = tmp_path / "out"
    assert main(command(exports, models, output, f"--signature={signature}")) == 0
    compared = matrices(output)
    assert {layer for layer, _ in compared} == set(layers)
    folders = sorted({path.parent for path in exports.glob(f"{models}/**/saved_model.pb")})
    answers = [load_representations(path, SAMPLES, signature=signature) for path in folders]
    for (layer, measure), matrix in compared.items():
        assert matrix.members == ("0", "1", "2")
        expected = similarity.compare(answers[0][layer], answers[2][layer], measure)
        assert matrix.values[0, 2] == pytest.approx(expected, abs=1e-12)
    summary = json.loads((output / "summary.json").read_text())
    assert summary["layers"] == layers
    assert [entry["all_pairs"]["pairs"] for entry in summary["similarity"]] == [3] * len(compared)


@pytest.mark.usefixtures("_in_this_process")
def test_a_model_of_two_inputs_is_shown_both(exports, tmp_path):
    np.savez(tmp_path / "probe.npz", left=SAMPLES, right=-SAMPLES)
    arguments = command(exports, "two", tmp_path / "out", "--signature=serving_default")
    assert main([*arguments, f"--probe={tmp_path}/probe.npz"]) == 0
    assert set(matrices(tmp_path / "out")) == {
        ("output_0", "cka.linear"),
        ("output_0", "procrustes.angular"),
    }


@pytest.mark.usefixtures("_in_this_process")
def test_table_and_matrices_say_the_same(exports, tmp_path):
    table = tmp_path / "models.csv"
    rows = [f"{exports}/plain/0,f,0", f"{exports}/plain/1,f,1", f"{exports}/plain/2,g,0"]
    table.write_text("\n".join(["uri,family,member", *rows]))
    output = tmp_path / "out"
    arguments = command(exports, "", output, "--signature=serving_default", "--null=19")
    assert main([f"--saved_models={table}", *arguments[1:]]) == 0
    pairs = pyarrow.parquet.read_table(output / "similarity.parquet").to_pylist()
    as_text = pyarrow.csv.read_csv(output / "similarity.csv").to_pylist()
    assert as_text == pairs
    matrix = matrices(output)["output_0", "cka.linear"]
    first = pairs[0]
    assert (first["layer"], first["measure"]) == ("output_0", "cka.linear")
    assert (first["member_a"], first["family_a"]) == ("f/0", "f")
    assert (first["member_b"], first["family_b"]) == ("f/1", "f")
    assert first["value"] == matrix.values[0, 1]
    assert first["distance"] == matrix.distances[0, 1]
    assert len(pairs) == 2 * 3
    expected = similarity.pairwise(
        {
            name: load_representations(exports / "plain" / name, SAMPLES, signature=signature)[
                "output_0"
            ]
            for name, signature in (("0", "serving_default"), ("1", "serving_default"))
        },
        ["cka.linear"],
        null=19,
    )["cka.linear"].null
    assert first["null_mean"] == pytest.approx(expected.mean[0, 1])
    assert first["null_deviation"] == pytest.approx(expected.deviation[0, 1])
    assert first["null_pvalue"] == pytest.approx(expected.pvalues[0, 1])
    summary = json.loads((output / "summary.json").read_text())
    assert summary["families"] == {"f": 2, "g": 1}
    entry = summary["similarity"][0]
    assert entry["within_families"]["pairs"] == 1
    assert entry["within_families"]["mean_value"] == pytest.approx(matrix.values[0, 1])
    assert entry["between_families"]["pairs"] == 2
    assert entry["between_families"]["mean_distance"] == pytest.approx(
        matrix.distances[[0, 1], 2].mean()
    )


@pytest.mark.usefixtures("_in_this_process")
def test_a_measure_without_distance_or_symmetry_has_both_orders(exports, tmp_path):
    output = tmp_path / "out"
    arguments = command(exports, "module", output, "--signature=features")
    assert main([*arguments, "--measures=regression.linear"]) == 0
    pairs = pyarrow.parquet.read_table(output / "similarity.parquet").to_pylist()
    assert [(row["member_a"], row["member_b"]) for row in pairs[:3]] == [
        ("0", "1"),
        ("0", "2"),
        ("1", "0"),
    ]
    assert len(pairs) == 6
    assert all(row["distance"] is None for row in pairs)
    assert "NaN" not in (output / "summary.json").read_text()


@pytest.mark.usefixtures("_in_this_process")
def test_layers_of_two_models_side_by_side(capsys, exports, tmp_path):
    output = tmp_path / "out"
    arguments = command(exports, "several/1/export", output, "--signature=serving_default")
    other = [f"--against={exports}/module/2", "--against_signature=features", "--interval=0.9"]
    assert main([*arguments, *other]) == 0
    assert capsys.readouterr().out == f"2 pairs compared under 2 measures: {output}\n"
    pairs = pyarrow.csv.read_csv(output / "similarity.csv").to_pylist()
    x, y = (
        load_representations(exports / path, SAMPLES, signature=signature)
        for path, signature in (("several/1/export", "serving_default"), ("module/2", "features"))
    )
    assert [
        (row["measure"], row["layer_a"], row["layer_b"], pytest.approx(row["value"]))
        for row in pairs
    ] == [
        (measure, layer, "features", similarity.compare(x[layer], y["features"], measure))
        for measure in ("cka.linear", "procrustes.angular")
        for layer in ("block.relu", "block/relu")
    ]
    assert all(row["low"] < row["high"] for row in pairs)
    assert {path.relative_to(output).as_posix() for path in output.rglob("*.*")} == {
        *("similarity.csv", "similarity.parquet", "summary.json"),
        *("similarity/cka.linear.npz", "similarity/procrustes.angular.npz"),
        *("heat_maps/cka.linear.png", "heat_maps/procrustes.angular.png"),
    }
    assert (output / "heat_maps/cka.linear.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("_in_this_process")
def test_a_series_against_its_last(capsys, exports, tmp_path):
    output = tmp_path / "out"
    arguments = command(exports, "plain/*", output, "--signature=serving_default")
    assert main([*arguments, "--reference=2"]) == 0
    assert capsys.readouterr().out == f"3 pairs compared under 2 measures: {output}\n"
    pairs = pyarrow.csv.read_csv(output / "similarity.csv").to_pylist()
    assert [(row["model_a"], row["model_b"]) for row in pairs[:3]] == [
        (model, 2) for model in (0, 1, 2)
    ]
    assert pairs[2]["value"] == pytest.approx(1.0)


@pytest.mark.usefixtures("_in_this_process")
def test_the_commands_of_the_guide(exports, tmp_path, monkeypatch):
    for name, target in (
        *(("A", "plain/0"), ("B", "several/1/export")),
        *((f"CHECKPOINTS/{epoch}", f"plain/{i}") for i, epoch in enumerate((10, 50, 90))),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(exports / target)
    np.save(tmp_path / "probe.npy", SAMPLES)
    guide = Path(similarity.__file__).parents[2] / "docs" / "similarity.md"
    commands = re.findall(
        r"^```\n(akp similarity_evaluator .*?)^```", guide.read_text(), re.M | re.S
    )
    monkeypatch.chdir(tmp_path)
    for written in commands:
        program, *arguments = shlex.split(written.replace("\\\n", ""))
        assert program == "akp" and akp(arguments) == 0
    pairs = {
        output: pyarrow.csv.read_csv(tmp_path / output / "similarity.csv").to_pylist()
        for output in ("OUT", "SERIES")
    }
    assert len(pairs["OUT"]) == 2 * 2 and {"low", "high"} <= set(pairs["OUT"][0])
    assert [row["model_a"] for row in pairs["SERIES"]] == [10, 50, 90]
    assert {row["model_b"] for row in pairs["SERIES"]} == {90}


@pytest.mark.usefixtures("_in_this_process")
def test_from_the_shell_in_processes_of_its_own_and_here_are_the_same(exports, tmp_path):
    def arguments(name):
        options = ("--signature=serving_default", "--workers=2")
        return command(exports, "several", tmp_path / name, *options)

    def written(name):
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files}

    shell = [sys.executable, "-m", "components.similarity_evaluator", *arguments("one")]
    done = subprocess.run(shell, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    compared = written("one")
    assert done.stdout == (f"3 models compared at 2 layers under 2 measures: {tmp_path / 'one'}\n")
    for stage, total in (("representations", 3), ("matrices", 2)):
        assert re.search(rf"{stage} .* {total}/{total} .* still 00:00", done.stderr), done.stderr
    assert set(compared) == {
        "similarity.csv",
        "similarity.parquet",
        "summary.json",
        *(
            f"similarity/{layer}/{measure}.npz"
            for layer in ("block%2Frelu", "block.relu")
            for measure in ("cka.linear", "procrustes.angular")
        ),
    }
    assert main(arguments("two")) == 0
    assert written("two") == compared
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}
