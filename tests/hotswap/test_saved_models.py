"""What is saved in mid-schedule or after holds the plain functions in force."""

import copy
import json
import pickle
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap, swap_now

READ = """
import json, sys
import keras, numpy as np
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "akp_keras":
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
x = np.load(sys.argv[1] + "/x.npy")
read = {}
for name in ("middle", "end"):
    model = keras.models.load_model(f"{sys.argv[1]}/{name}.keras")
    read[name] = {
        "classes": [type(layer).__name__ for layer in model.layers],
        "activations": [model.get_layer(n).activation.__name__ for n in ("first", "second")],
        "loss": model.loss,
        "weights": len(model.weights),
        "outputs": model.predict(x, verbose=0)[:, 0].tolist(),
    }
    import tensorflow as tf
    served = tf.saved_model.load(f"{sys.argv[1]}/{name}_served")
    read[name]["served"] = served.serve(x).numpy()[:, 0].tolist()
    model.train_on_batch(x, np.zeros((len(x), 1)))
assert "akp_keras" not in sys.modules
print("READ" + json.dumps(read))
"""


def test_models_load_and_run_without_this_package(make_model, fit, problem, tmp_path):
    pytest.importorskip("tensorflow", reason="export needs TensorFlow")
    x = problem[0][:5]
    np.save(tmp_path / "x.npy", x)
    model = make_model()
    expected = {}

    def save(name):
        model.save(tmp_path / f"{name}.keras")
        model.export(tmp_path / f"{name}_served", verbose=False)
        expected[name] = model.predict(x, verbose=0)[:, 0]

    class Save(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 16:
                save("middle")

    fit(model, HotSwap("@1 activation=tanh loss=hinge; @2 activation=original"), Save())
    save("end")
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert "READ" in done.stdout, done.stderr[-3000:]
    read = json.loads(done.stdout.partition("READ")[2])
    for name, function, cls in (("middle", "tanh", "Activation"), ("end", "relu", "ReLU")):
        assert read[name]["activations"] == [function, function]
        assert read[name]["classes"][1] == cls
        assert read[name]["loss"] == "hinge"
        assert read[name]["weights"] == 6
        np.testing.assert_allclose(read[name]["outputs"], expected[name], rtol=1e-5)
        np.testing.assert_allclose(read[name]["served"], expected[name], rtol=1e-5)
    assert not np.allclose(expected["middle"], expected["end"])


def test_no_switch_is_in_an_exported_graph(make_model, fit, tmp_path):
    tf = pytest.importorskip("tensorflow")
    model = make_model()
    fit(model, HotSwap("@1 activation=tanh", candidates=["elu", "gelu"]), epochs=2)
    model.export(tmp_path / "served", verbose=False)
    graph = tf.saved_model.load(str(tmp_path / "served")).signatures["serving_default"].graph
    kinds = {node.op for node in graph.as_graph_def().node}
    for function in graph.as_graph_def().library.function:
        kinds |= {node.op for node in function.node_def}
    assert "Tanh" in kinds
    assert not kinds & {"Case", "StatelessCase", "Elu", "Relu"}


def test_a_learned_activation_out_of_use_is_saved_as_what_took_its_place(tmp_path):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4), layers.PReLU(name="p"), layers.Dense(1, name="y")]
    )
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    swap_now(model, "activation=tanh")
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded.get_layer("p")) is layers.Activation
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert len(model.get_layer("p").weights) == 1
    # Weights alone keep what training will need again.
    model.get_layer("p").alpha.assign(np.full(4, 0.5))
    model.save_weights(tmp_path / "w.weights.h5")
    model.get_layer("p").alpha.assign(np.zeros(4))
    model.load_weights(tmp_path / "w.weights.h5")
    assert np.asarray(model.get_layer("p").alpha).tolist() == [0.5] * 4


def saved_by_function(model, path):
    keras.saving.save_model(model, path / "m.keras")
    return keras.models.load_model(path / "m.keras")


def inner_saved(model, path):
    model.get_layer("inner").save(path / "m.keras")
    inner = keras.models.load_model(path / "m.keras")
    return keras.Sequential([keras.Input((4,)), inner, model.get_layer("y")])


def pickled(model, path):
    return pickle.loads(pickle.dumps(model))


def copied(model, path):
    return copy.deepcopy(model)


@pytest.mark.parametrize("way", [saved_by_function, inner_saved, pickled, copied])
def test_a_learned_activation_out_of_use_is_left_out_in_every_way_of_saving(way, tmp_path):
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4), layers.PReLU(name="p")], name="inner"
    )
    model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(1, name="y")])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    for value in ("tanh", "original"):
        swap_now(model, f"activation[p]={value}")
        again = way(model, tmp_path)
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(again(x)), keras.ops.convert_to_numpy(model(x))
        )


@pytest.mark.parametrize(
    ("head", "compiled", "swapped", "saved"),
    [
        ("sigmoid", "binary_crossentropy", "mean_squared_error", "mean_squared_error"),
        ("linear", "logits", "hinge", "hinge"),
        ("linear", "logits", "binary_focal_crossentropy", "BinaryFocalCrossentropy"),
        ("sigmoid", "binary_crossentropy", "categorical_crossentropy", "BinaryCrossentropy"),
        ("sigmoid", "binary_crossentropy", "Huber(delta=0.1)", None),
        ("sigmoid", "binary_crossentropy", "BinaryFocalCrossentropy(gamma=3.0)", "BinaryFocal"),
        ("sigmoid", "binary_crossentropy", "hinge", None),
        ("linear", "logits", "mean_squared_error", None),
        ("softmax", "sparse_categorical_crossentropy", "categorical_crossentropy", "Sparse"),
        ("softmax", "categorical_crossentropy", "sparse_categorical_crossentropy", "Categorical"),
        ("softmax", "sparse_categorical_crossentropy", "categorical_hinge", None),
    ],
)
def test_a_loaded_model_computes_the_loss_in_force(head, compiled, swapped, saved, tmp_path):
    """Where Keras has an equal; else saving warns, and a return to the compiled one does not."""
    keras.utils.set_random_seed(0)
    columns = 3 if head == "softmax" else 1
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(columns, activation=head)]
    )
    if compiled == "logits":
        compiled = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss=compiled)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(16, 4)).astype("float32")
    y = generator.integers(0, max(2, columns), size=16)
    if compiled == "categorical_crossentropy":
        y = np.eye(columns)[y]
    elif columns == 1:
        y = y[:, None].astype("float32")
    swap_now(model, f"loss={swapped}")
    if saved is None:
        with pytest.warns(UserWarning, match="not compute the loss in force, .* no equal in Keras"):
            model.save(tmp_path / "m.keras")
        swap_now(model, "loss=original")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*no equal in Keras")
        model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    y = keras.ops.convert_to_tensor(y)
    computed, expected = (
        float(each.compute_loss(x=x, y=y, y_pred=each(x))) for each in (loaded, model)
    )
    assert computed == pytest.approx(expected, rel=1e-4)
    if saved is not None:
        name = loaded.loss if isinstance(loaded.loss, str) else type(loaded.loss).__name__
        assert name.startswith(saved)


def test_the_callback_is_saved_as_a_config():
    swap = HotSwap("@1 activation=tanh", strategy="retrace", layers=["first.*"], candidates=["elu"])
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(swap)))
    back = keras.saving.deserialize_keras_object(config)
    assert isinstance(back, HotSwap)
    assert back.get_config() == swap.get_config()
