"""What docs/components.md says of SavedModels as programs."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from akp_keras.comparison import representations
from akp_keras.steps.command import run_step
from akp_keras.steps.similarity_evaluator import SIMILARITY_EVALUATOR


def main(arguments):
    return run_step(SIMILARITY_EVALUATOR, arguments, program="components.similarity_evaluator")


SAMPLES = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)


def save(path, function, **resources):
    module = tf.Module()
    for name, resource in resources.items():
        setattr(module, name, resource)
    module.function = tf.function(function, input_signature=[tf.TensorSpec((None, 5))])
    tf.saved_model.save(module, str(path), signatures={"representations": module.function})


def arguments(folder):
    np.save(folder / "probe.npy", SAMPLES)
    return [
        f"--saved_models={folder}/models",
        f"--probe={folder}/probe.npy",
        "--measures=cka.linear",
        f"--output={folder}/out",
    ]


@pytest.mark.usefixtures("_in_this_process")
def test_a_graph_that_writes_files_does_so_if_it_is_trusted(tmp_path, capsys):
    def function(x):
        with tf.control_dependencies([tf.io.write_file(str(tmp_path / "written"), "by a graph")]):
            return {"layer": 2 * x}

    save(tmp_path / "models" / "a", function)
    save(tmp_path / "models" / "b", lambda x: {"layer": tf.nn.relu(x)})
    assert main(arguments(tmp_path)) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"SavedModel {tmp_path}/models/a has the operation WriteFile, which" in line
    assert line.endswith("add --trust=WriteFile")
    assert not (tmp_path / "written").exists() and not (tmp_path / "out").exists()
    assert main([*arguments(tmp_path), "--trust=WriteFile"]) == 0
    assert (tmp_path / "written").read_text() == "by a graph"


@pytest.mark.usefixtures("_in_this_process")
def test_loading_runs_initialisers(tmp_path, capsys):
    (tmp_path / "words.txt").write_text("zero\none\n")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(tmp_path / "words.txt"),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        default_value=-1,
    )
    for name in "ab":
        # The signature does not look at the table: only its initialiser reads the file.
        save(tmp_path / "models" / name, lambda x: {"layer": tf.nn.relu(x)}, table=table)
    (tmp_path / "models" / "b" / "assets" / "words.txt").unlink()
    assert main(arguments(tmp_path)) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"{tmp_path}/models/b is damaged and cannot be loaded" in line


@pytest.mark.usefixtures("_in_this_process")
def test_custom_operations_are_refused_in_one_line(tmp_path, capsys):
    for name in "ab":
        save(tmp_path / "models" / name, lambda x: {"layer": tf.nn.softsign(x)})
    graph = tmp_path / "models" / "b" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes().replace(b"\x08Softsign", b"\x08MySoftly"))
    assert main(arguments(tmp_path)) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"SavedModel {tmp_path}/models/b" in line
    assert "MySoftly" in line
    assert not (tmp_path / "out").exists()


def test_python_functions_of_the_exporter_are_not_there(tmp_path, capfd):
    """They are in this process, and not in the worker."""

    def function(x):
        y = tf.py_function(lambda x: print("here") or x, [x], tf.float32)
        return {"layer": tf.ensure_shape(y, (None, 5))}

    for name in "ab":
        save(tmp_path / "models" / name, function)
    assert main([*arguments(tmp_path), "--workers=1", "--trust=EagerPyFunc"]) == 2
    printed = capfd.readouterr()
    line = printed.err.strip().splitlines()[-1]
    assert f"{tmp_path}/models/" in line and "fails on the probe set" in line
    assert "here" not in printed.out


def test_a_killed_worker_ends_the_command_in_one_line(tmp_path, capsys, monkeypatch):
    for name in "ab":
        save(tmp_path / "models" / name, lambda x: {"layer": 2 * x})
    # What becomes of a worker that the kernel kills for lack of memory.
    (tmp_path / "killed_worker.py").write_text(
        "import os, signal\ndef represent(*arguments): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    represent = importlib.import_module("killed_worker").represent
    monkeypatch.setattr(representations, "_represent", represent)
    assert main(arguments(tmp_path)) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "a worker process died, perhaps for lack of memory; run again to resume" in line
    assert not (tmp_path / "out").exists()
