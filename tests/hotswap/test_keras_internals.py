"""Fails when Keras renames what `keras_internals` relies on."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import keras_internals


@pytest.fixture
def model():
    inputs = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(3, activation="relu", name="hidden")(inputs)
    outputs = keras.layers.Dense(1, activation="sigmoid", name="y")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss="binary_crossentropy")
    return model


def test_the_graph_of_layers_is_seen(model):
    _, hidden, y = keras_internals.sublayers(model)
    assert keras_internals.producer(model.outputs[0]) is y
    assert keras_internals.producers(y) == [hidden]
    assert keras_internals.consumers(hidden) == [y]
    attention = keras.layers.MultiHeadAttention(2, 2)
    attention(np.ones((1, 3, 4)), np.ones((1, 3, 4)))
    assert len(keras_internals.sublayers(attention)) > 3


def test_each_compile_is_another_compilation(model):
    before = keras_internals.compilation(model)
    model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0)
    assert keras_internals.compilation(model) is before
    model.compile("sgd", loss="mse")
    assert keras_internals.compilation(model) is not before


@pytest.mark.parametrize("is_built", [False, True])
def test_losses_are_replaced_where_they_are_computed(model, is_built):
    x, y = np.ones((4, 4)), np.ones((4, 1))
    if is_built:
        model.evaluate(x, y, verbose=0)
        model.test_function = None
    seen = []

    def replace(names, losses):
        seen.append((names, [type(loss).__name__ for loss in losses]))
        return [lambda y_true, y_pred, weight: keras.ops.sum(y_pred) * 0 + 7.0]

    assert keras_internals.has_loss(model)
    assert keras_internals.compiled_loss(model) == "binary_crossentropy"
    keras_internals.replace_losses(model, replace)
    assert model.evaluate(x, y, verbose=0) == 7.0
    assert seen == [(["y"], ["LossFunctionWrapper"])]


def test_the_options_of_a_loss_are_seen():
    assert keras_internals.loss_options(keras.losses.Huber(delta=0.25))["delta"] == 0.25


def test_the_declared_loss_is_the_saved_one(model):
    keras_internals.declare_loss(model, "hinge")
    assert model.get_compile_config()["loss"] == "hinge"


def test_the_logits_of_probabilities_are_noted():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow's tensors can carry a note")
    z = keras.ops.convert_to_tensor([[0.5, -0.5]])
    for function in (keras.activations.sigmoid, keras.activations.softmax):
        assert keras_internals.logits_of(function(z)) is z
    assert keras_internals.logits_of(z) is None


def test_a_mask_is_copied():
    embedded = keras.layers.Embedding(3, 2, mask_zero=True)(np.array([[0, 1]]))
    copy = keras_internals.copy_mask(embedded, keras.ops.add(embedded, 0.0))
    if keras.backend.backend() == "tensorflow":
        assert np.asarray(copy._keras_mask).tolist() == [[False, True]]


def test_a_layer_changes_its_class_and_back():
    layer = keras.layers.ReLU(max_value=1.0, name="r")
    keras_internals.set_class(layer, keras.layers.Activation)
    keras_internals.set_quietly(layer, "activation", keras.activations.tanh)
    config = layer.get_config()
    assert (config["name"], config["activation"]) == ("r", "tanh")
    keras_internals.set_class(layer, keras.layers.ReLU)
    keras_internals.remove_quietly(layer, "activation")
    assert layer.get_config()["max_value"] == 1.0


def test_functions_are_made_of_other_steps(model):
    plain = model.train_step
    called = []

    def step(*arguments):
        called.append(True)
        return plain(*arguments)

    model.make_train_function()
    before = model.train_function
    train, test = keras_internals.make_functions(model, step, model.test_step)
    assert model.train_function is before
    assert "train_step" not in model.__dict__
    assert callable(test)

    class Use(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.train_function = train

    model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0, callbacks=[Use()])
    assert called


def test_a_state_is_kept_and_not_saved(model, tmp_path):
    assert keras_internals.get_state(model) is None
    state = object()
    keras_internals.set_state(model, state)
    assert keras_internals.get_state(model) is state
    model.save(tmp_path / "m.keras")
    assert keras_internals.get_state(keras.models.load_model(tmp_path / "m.keras")) is None


def test_a_callback_finds_the_others_of_its_fit(model):
    found = []

    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            found.extend(keras_internals.siblings(self))

    look, other = Look(), keras.callbacks.TerminateOnNaN()
    model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0, callbacks=[other, look])
    assert found[:2] == [other, look]
    assert isinstance(found[2], keras.callbacks.History)
    assert keras_internals.siblings(look) == []


def test_what_is_logged_is_known_unless_the_model_decides(model):
    names = keras_internals.logged_names(model)
    logs = model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0).history
    assert set(logs) <= names

    class Own(keras.Model):
        def train_step(self, *arguments):
            return {"other": 0.0}

    assert keras_internals.logged_names(Own(model.inputs, model.outputs)) is None


def test_a_file_of_a_backup_is_written_whole(tmp_path):
    path = str(tmp_path / "new" / "file.json")
    assert keras_internals.read_text(path) is None
    keras_internals.write_text(path, "one")
    keras_internals.write_text(path, "two")
    assert keras_internals.read_text(path) == "two"
    assert len(list((tmp_path / "new").iterdir())) == 1
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    assert backup.backup_dir == tmp_path


def test_metrics_say_in_which_direction_they_improve():
    expected = {
        "loss": False,
        "val_precision_loss": False,
        "val_accent_loss": False,
        "accent_mean_absolute_error": False,
        "val_accent_cosine_similarity": True,
        "precision_r2_score": True,
        "val_precision_AUC": True,
        "precision_mine": None,
    }

    def mine(y_true, y_pred):
        return keras.ops.mean(y_pred)

    inputs = keras.Input((4,))
    outputs = {key: keras.layers.Dense(1, name=key)(inputs) for key in ("accent", "precision")}
    model = keras.Model(inputs, outputs)
    metrics = {
        "accent": ["mean_absolute_error", "cosine_similarity"],
        "precision": [keras.metrics.R2Score(), keras.metrics.AUC(name="AUC"), mine],
    }
    model.compile("sgd", loss="mse", metrics=metrics)
    y = {key: np.ones((4, 1)) for key in outputs}
    history = model.fit(np.ones((4, 4)), y, validation_data=(np.ones((4, 4)), y), verbose=0).history
    assert set(expected) <= set(history)
    for name, larger in {**expected, "learning_rate": None}.items():
        assert keras_internals.larger_is_better(model, name) is larger, name
