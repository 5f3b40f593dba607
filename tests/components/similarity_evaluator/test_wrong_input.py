"""Wrong input: one line that names what is wrong, exit code 2, and nothing left behind."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from akp_keras.steps.command import run_step
from akp_keras.steps.similarity_evaluator import SIMILARITY_EVALUATOR

pytestmark = pytest.mark.usefixtures("_in_this_process")


def main(arguments):
    return run_step(SIMILARITY_EVALUATOR, arguments, program="components.similarity_evaluator")


SAMPLES = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)


def save(path, function, width=5, signature="representations"):
    module = tf.Module()
    kernel = np.random.default_rng(width).normal(size=(width, 3)).astype(np.float32)
    module.kernel = tf.Variable(kernel)
    module.function = tf.function(
        lambda x: function(x, module.kernel),
        input_signature=[tf.TensorSpec((None, width))],
    )
    tf.saved_model.save(module, str(path), signatures={signature: module.function})


def product(x, kernel):
    return {"layer": x @ kernel}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    save(folder / "a", product)
    save(folder / "b", lambda x, kernel: {"layer": tf.nn.relu(x @ kernel)})
    np.save(folder / "probe.npy", SAMPLES)
    return folder


@pytest.fixture
def models(good, tmp_path):
    """Two good models and a good probe set, to be spoilt."""
    shutil.copytree(good, tmp_path / "models")
    return tmp_path / "models"


def refuse(capsys, tmp_path, *arguments):
    """Runs the command; returns the line that it ends with."""
    before = set(tmp_path.rglob("*"))
    flags = {
        "saved_models": tmp_path / "models",
        "probe": tmp_path / "models" / "probe.npy",
        "measures": "cka.linear",
        "output": tmp_path / "out",
    } | dict(argument.split("=", 1) for argument in arguments)
    assert main([f"--{name}={value}" for name, value in flags.items()]) == 2
    assert set(tmp_path.rglob("*")) == before
    said = capsys.readouterr()
    assert said.out == ""
    line = said.err.strip().splitlines()[-1]
    assert line.startswith("components.similarity_evaluator: ")
    return line


def test_the_good_ones_are_good(capsys, models, tmp_path):
    flags = {"saved_models": models, "probe": models / "probe.npy", "measures": "cka.linear"}
    arguments = [f"--{name}={value}" for name, value in flags.items()]
    assert main([*arguments, f"--output={tmp_path / 'out'}"]) == 0
    assert (tmp_path / "out" / "similarity" / "layer" / "cka.linear.npz").is_file()


def test_no_such_signature(capsys, models, tmp_path):
    save(models / "c", product, signature="serving_default")
    line = refuse(capsys, tmp_path)
    assert f"{models}/c has no signature 'representations'; it has serving_default" in line
    assert "--signature" in line


def test_no_signature_at_all(capsys, models, tmp_path):
    tf.saved_model.save(tf.Module(), str(models / "c"))
    assert f"{models}/c has no signature 'representations'; it has none" in refuse(capsys, tmp_path)


def test_outputs_that_change_the_batch_size(capsys, models, tmp_path):
    save(models / "c", lambda x, kernel: {"layer": tf.reduce_mean(x, 0, keepdims=True) @ kernel})
    line = refuse(capsys, tmp_path)
    assert f"{models}/c has shape (1, 3) for a batch of 12 samples" in line


def test_models_of_other_inputs(capsys, models, tmp_path):
    save(models / "c", product, width=6)
    line = refuse(capsys, tmp_path)
    assert f"{models}/c takes samples of shape (6,), the probe set's are (5,)" in line


def test_models_of_other_layers(capsys, models, tmp_path):
    save(models / "c", lambda x, kernel: {"head": x @ kernel})
    line = refuse(capsys, tmp_path)
    assert f"{models}/c has the layers head, and {models}/a has layer" in line


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (SAMPLES[:, :4], "takes samples of shape (5,), the probe set's are (4,)"),
        (SAMPLES[:, :, None], "takes samples of shape (5,), the probe set's are (5, 1)"),
        (np.where(SAMPLES > 1, np.nan, SAMPLES), "probe.npy: 'inputs' holds NaN or infinity"),
        (SAMPLES[:2], "at least"),
    ],
)
def test_probe_sets_that_do_not_fit(capsys, models, tmp_path, probe, message):
    np.save(models / "probe.npy", probe)
    measures = "measures=cka.linear.debiased"
    assert message in refuse(capsys, tmp_path, measures)


def test_no_probe_set(capsys, models, tmp_path):
    assert "no probe set at nowhere.npz" in refuse(capsys, tmp_path, "probe=nowhere.npz")


def test_missing_variables(capsys, models, tmp_path):
    shutil.rmtree(models / "b" / "variables")
    assert f"SavedModel {models}/b is damaged" in refuse(capsys, tmp_path)


def test_a_damaged_graph(capsys, models, tmp_path):
    (models / "b" / "saved_model.pb").write_bytes(b"no graph")
    assert f"SavedModel {models}/b is damaged" in refuse(capsys, tmp_path)


def test_a_path_that_tensorflow_takes_for_a_pattern_is_a_path(capsys, models, tmp_path):
    (models / "b").rename(models / "b[x]*?")
    flags = {"saved_models": models, "probe": models / "probe.npy", "measures": "cka.linear"}
    arguments = [f"--{name}={value}" for name, value in flags.items()]
    assert main([*arguments, f"--output={tmp_path / 'out'}"]) == 0
    assert "b[x]*?" in (tmp_path / "out" / "similarity.csv").read_text()


def test_a_custom_operation(capsys, models, tmp_path):
    graph = models / "b" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes().replace(b"MatMul", b"MyOwnO"))
    line = refuse(capsys, tmp_path)
    assert f"SavedModel {models}/b has the custom operation 'MyOwnO'" in line
    assert "damaged" not in line


def test_one_answer_for_everything_gives_no_advice_about_training(capsys, models, tmp_path):
    for name in "ab":
        shutil.rmtree(models / name)
        save(models / name, lambda x, kernel: {"layer": 0 * (x @ kernel)})
    line = refuse(capsys, tmp_path)
    assert line.endswith("it tells no samples apart)")
    assert "learning_rate" not in line


def test_models_left_out_are_named(capsys, models, tmp_path):
    save(models / "c", lambda x, kernel: {"layer": np.nan * (x @ kernel)})
    flags = {"saved_models": models, "probe": models / "probe.npy", "measures": "cka.linear"}
    assert main([*(f"--{k}={v}" for k, v in flags.items()), f"--output={tmp_path / 'out'}"]) == 0
    first, left_out = capsys.readouterr().out.splitlines()
    assert first.startswith("3 models compared at 1 layers")
    assert left_out == "left out: c at layer (not finite: NaN or infinity among its answers)"


def test_two_models_of_one_name(capsys, models, tmp_path):
    (models / "models.csv").write_text(
        f"uri,family,member\n{models}/a,f,1\n{models}/b,f,1\n",
    )
    line = refuse(capsys, tmp_path, f"saved_models={models}/models.csv")
    assert f"two SavedModels have the name 'f/1': {models}/a and {models}/b" in line


def test_a_table_without_the_column(capsys, models, tmp_path):
    (models / "models.csv").write_text(f"uri,family\n{models}/a,f\n")
    line = refuse(capsys, tmp_path, f"saved_models={models}/models.csv")
    assert "has no column 'member'" in line


def test_no_model_matches(capsys, models, tmp_path):
    line = refuse(capsys, tmp_path, f"saved_models={models}/nothing*")
    assert f"no SavedModel matches '{models}/nothing*'" in line


def test_one_model(capsys, models, tmp_path):
    line = refuse(capsys, tmp_path, f"saved_models={models}/a")
    assert f"at least two SavedModels are needed for a comparison, got {models}/a" in line


def test_a_folder_that_is_not_a_saved_model(capsys, models, tmp_path):
    (models / "empty").mkdir()
    line = refuse(capsys, tmp_path, f"saved_models={models}/empty")
    assert f"{models}/empty is not a SavedModel: it has no saved_model.pb" in line


@pytest.mark.parametrize("output", ["/proc/akp_keras/out", "{models}/probe.npy/out"])
def test_an_output_that_cannot_be_written(capsys, models, tmp_path, output):
    output = output.format(models=models)
    assert f"--output={output} cannot be made" in refuse(capsys, tmp_path, f"output={output}")


def test_an_output_that_is_there(capsys, models, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    assert f"--output={tmp_path}/out already exists" in refuse(capsys, tmp_path)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("measures=cka.liner", "unknown measure 'cka.liner', did you mean 'cka.linear'"),
        ("measures=cka.linear,cka.linear", "--measures names cka.linear twice"),
        ("measures=", "--measures is empty"),
        ("spatial=flat", "spatial=flat must be one of flatten, global_average,"),
        ("layers=layr", "has no output 'layr'; did you mean 'layer'?"),
        ("null=-1", "null=-1 must be from 0"),
        ("memory_gb=0", "memory_gb=0.0 must be above 0"),
        ("seed=-1", "seed=-1 must be from 0"),
        ("layers=,", "--layers=, names nothing"),
        ("memory_gb=0", "--memory_gb=0.0 must be above 0"),
        ("families=g", "no SavedModel is of the family 'g'; no SavedModel names its family"),
        ("interval=95", "--interval=95.0 must be at least 0 and below 1"),
        ("against=nowhere", "nowhere is not a SavedModel: the folder does not exist"),
        ("against={models}/b --reference=a", "--against and --reference are both given"),
        ("against={models}/b --against_layers=layr", "{models}/b has no output 'layr'; did you"),
        ("against={models}/b --against_signature=x", "{models}/b has no signature 'x'; it has rep"),
        ("against_layers=layer", "--against_layers needs --against"),
        ("against_signature=x", "--against_signature needs --against"),
        ("reference=c", "reference=c is no SavedModel's name; known are a, b"),
        ("meassures=cka.linear", "meassures"),
    ],
)
def test_flags_that_make_no_sense(capsys, models, tmp_path, argument, message):
    argument, message = (text.format(models=models) for text in (argument, message))
    line = refuse(capsys, tmp_path, *argument.split(" --"))
    assert message.replace(", did", "; did") in line.replace(", did", "; did").replace(
        " (did you mean 'cka.linear'", "; did you mean 'cka.linear'"
    )


def test_interrupted_work_resumes_where_it_stopped(models, tmp_path, monkeypatch):
    from akp_keras.comparison import evaluation, representations

    flags = {"saved_models": models, "probe": models / "probe.npy", "measures": "cka.linear"}
    arguments = [
        *(f"--{name}={value}" for name, value in flags.items()),
        f"--output={tmp_path / 'out'}",
    ]
    with monkeypatch.context() as patch:

        def interrupt(*arguments, **options):
            raise KeyboardInterrupt

        patch.setattr(evaluation, "compare_layer", interrupt)
        assert main(arguments) == 130
    assert not (tmp_path / "out").exists()
    asked = []
    ask = representations.iterate_representations

    def count(path, *arguments, **options):
        asked.append(path)
        return ask(path, *arguments, **options)

    monkeypatch.setattr(representations, "iterate_representations", count)
    shutil.rmtree(models / "b")
    save(models / "b", product)
    assert main(arguments) == 0
    assert asked == [str(models / "b")], "the model that has changed is asked again, and no other"
    assert {path.name for path in tmp_path.iterdir()} == {"models", "out"}
