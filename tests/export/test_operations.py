"""Operations that reach beyond a SavedModel: TensorFlow itself is the oracle of what runs."""

import numpy as np
import pytest
import tensorflow as tf

from akp_keras.export import load_representations
from akp_keras.export.operations import unsafe_operations

SAMPLES = np.ones((3, 5), np.float32)


def save(path, function, **resources):
    module = tf.Module()
    module.weight = tf.Variable(2.0)
    for name, resource in resources.items():
        setattr(module, name, resource)
    module.function = tf.function(function, input_signature=[tf.TensorSpec((None, 5))])
    tf.saved_model.save(module, str(path), signatures={"representations": module.function})
    return path


def writing(target):
    def function(x):
        with tf.control_dependencies([tf.io.write_file(str(target), "by a graph")]):
            return {"layer": 2 * x}

    return function


def branching(target):
    def function(x):
        write = writing(target)
        return {"layer": tf.cond(tf.reduce_sum(x) > 0, lambda: write(x)["layer"], lambda: x)}

    return function


def test_a_plain_model_has_none_although_it_can_be_saved_again(tmp_path):
    assert unsafe_operations(save(tmp_path / "m", lambda x: {"layer": tf.nn.relu(x)})) == ()


@pytest.mark.parametrize("make", [writing, branching])
def test_what_a_call_would_write_is_found_in_every_depth(tmp_path, make):
    path = save(tmp_path / "m", make(tmp_path / "written"))
    assert unsafe_operations(path) == ("WriteFile",)
    with pytest.raises(ValueError, match=r"the operation WriteFile, .* add --trust=WriteFile"):
        load_representations(path, SAMPLES)
    with pytest.raises(ValueError, match="add --trust=PyFunc,WriteFile"):
        load_representations(path, SAMPLES, trust=["PyFunc"])
    assert not (tmp_path / "written").exists()
    load_representations(path, SAMPLES, trust=["WriteFile"])
    assert (tmp_path / "written").read_text() == "by a graph"


def test_what_loading_alone_would_write_is_found(tmp_path):
    class Resource(tf.saved_model.experimental.TrackableResource):
        def _create_resource(self):
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

        def _initialize(self):
            tf.io.write_file(str(tmp_path / "written"), "while loading")

    resource = Resource()
    resource.resource_handle  # noqa: B018 - creates it
    path = save(tmp_path / "m", lambda x: {"layer": tf.nn.relu(x)}, resource=resource)
    assert unsafe_operations(path) == ("WriteFile",)
    with pytest.raises(ValueError, match="has the operation WriteFile"):
        load_representations(path, SAMPLES)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("EagerPyFunc", lambda x: tf.py_function(lambda x: x, [x], tf.float32)),
        ("PyFunc", lambda x: tf.numpy_function(lambda x: x, [x], tf.float32)),
        ("ReadFile", lambda x: x + tf.strings.to_number(tf.io.read_file("/etc/hostname"))),
    ],
)
def test_calls_out_of_the_graph_are_found(tmp_path, name, operation):
    def function(x):
        return {"layer": tf.ensure_shape(operation(x), (None, 5))}

    assert unsafe_operations(save(tmp_path / "m", function)) == (name,)


def test_printing_to_a_file_is_writing_and_printing_is_not(tmp_path):
    def printing(stream):
        def function(x):
            tf.print("here", output_stream=stream)
            return {"layer": 2 * x}

        return function

    import sys

    assert unsafe_operations(save(tmp_path / "a", printing(sys.stderr))) == ()
    file = f"file://{tmp_path / 'printed'}"
    assert unsafe_operations(save(tmp_path / "b", printing(file))) == ("PrintV2",)


def test_a_checkpoint_writer_that_a_signature_calls_is_found(tmp_path):
    def function(x):
        tf.raw_ops.SaveV2(
            prefix=str(tmp_path / "stolen"),
            tensor_names=["x"],
            shape_and_slices=[""],
            tensors=[x],
        )
        return {"layer": 2 * x}

    assert unsafe_operations(save(tmp_path / "m", function)) == ("SaveV2",)


def test_a_graph_of_tensorflow_1_counts_what_its_signature_needs(tmp_path):
    for name, asked in (("a", "plain"), ("b", "python")):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            x = tf.compat.v1.placeholder(tf.float32, (None, 5), "x")
            weight = tf.compat.v1.get_variable("weight", (5, 3))
            outputs = {
                "plain": tf.matmul(x, weight),
                "python": tf.compat.v1.py_func(lambda x: x, [x], tf.float32),
            }
            session.run(tf.compat.v1.global_variables_initializer())
            tf.compat.v1.saved_model.simple_save(
                session, str(tmp_path / name), {"x": x}, {"layer": outputs[asked]}
            )
    assert unsafe_operations(tmp_path / "a") == ()
    assert unsafe_operations(tmp_path / "b") == ("PyFunc",)


def test_what_is_no_graph_has_none(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    assert unsafe_operations(tmp_path) == ()
