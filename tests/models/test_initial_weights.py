import keras
import numpy as np
import pytest
from keras import layers

from akp_keras.models.initial_weights import InitialWeights


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A backbone's weights in a file, and a function that builds a model on them."""
    path = tmp_path_factory.mktemp("weights") / "backbone.weights.h5"

    def backbone():
        inputs = keras.Input((6,))
        x = layers.Dense(5, activation="relu", name="frozen")(inputs)
        return keras.Model(inputs, layers.BatchNormalization(name="norm")(x))

    trained = backbone()
    rng = np.random.default_rng(0)
    trained.set_weights([rng.uniform(1, 2, weight.shape) for weight in trained.weights])
    trained.save_weights(path)

    def build():
        base = backbone()
        base.load_weights(path)
        base.trainable = False
        x = layers.Dropout(0.5)(base.output)
        x = layers.Dense(4, activation="relu")(x)
        return keras.Model(base.input, layers.Dense(1, name="logits")(x))

    return build, trained.get_weights()


def weights_of(model):
    return [np.array(variable) for layer in model.layers for variable in layer.variables]


def after(initial, seed):
    initial.reset(seed)
    return weights_of(initial.model)


def test_weights_of_a_file_stay_and_fresh_ones_follow_from_the_seed(pretrained):
    build, loaded = pretrained
    initial = InitialWeights(build, "as_built", seed=0)
    members = {}
    for seed in (3, 4):
        # As training leaves them.
        for weight in initial.model.weights:
            weight.assign(weight + 1)
        members[seed] = after(initial, seed)
        frozen = initial.model.get_layer("frozen").get_weights()
        norm = initial.model.get_layer("norm").get_weights()
        for value, expected in zip(frozen + norm, loaded, strict=True):
            np.testing.assert_array_equal(value, expected)
        assert not initial.model.get_layer("frozen").trainable
    heads = [initial_weights[-4] for initial_weights in members.values()]
    assert heads[0].shape == (5, 4) and (heads[0] != heads[1]).all()
    for value, again in zip(members[3], after(initial, 3), strict=True):
        np.testing.assert_array_equal(value, again)


def test_shared_weights_are_drawn_once_and_dropout_per_member(pretrained):
    build, loaded = pretrained
    initial = InitialWeights(build, "shared", seed=7)
    first, second = after(initial, 3), after(initial, 4)
    differing = [
        value.dtype.kind in "iu"
        for value, other in zip(first, second, strict=True)
        if not np.array_equal(value, other)
    ]
    assert differing == [True], "the state of Dropout alone"
    np.testing.assert_array_equal(initial.model.get_layer("frozen").get_weights()[0], loaded[0])
    other = InitialWeights(build, "shared", seed=8)
    assert (after(other, 3)[-4] != first[-4]).all()


def test_own_weights_replace_those_of_a_file_but_not_statistics_of_the_data(pretrained):
    build, loaded = pretrained
    initial = InitialWeights(build, "own", seed=0)
    after(initial, 3)
    assert (initial.model.get_layer("frozen").get_weights()[0] != loaded[0]).all()

    def adapted():
        inputs = keras.Input((2,))
        scaling = layers.Normalization(name="scaling")
        scaling.adapt(np.array([[1.0, 2.0], [3.0, 6.0]]))
        return keras.Model(inputs, layers.Dense(1, name="logits")(scaling(inputs)))

    initial = InitialWeights(adapted, "own", seed=0)
    initial.reset(1)
    np.testing.assert_allclose(initial.model.get_layer("scaling").mean, [[2.0, 4.0]])


def test_layers_without_a_name_have_the_same_names_whatever_was_built_before(pretrained):
    names = []
    for _ in range(2):
        initial = InitialWeights(pretrained[0], "as_built", seed=0)
        names.append([layer.name for layer in initial.model.layers])
        layers.Dense(1), layers.Dropout(0.1)
    assert names[0] == names[1]
    assert names[0][-3:] == ["dropout", "dense", "logits"]


def test_a_model_that_keras_cannot_rebuild_is_refused():
    class Own(layers.Layer):
        def __init__(self, width):
            super().__init__()
            self.width = width

        def call(self, x):
            return x

    def build():
        inputs = keras.Input((2,))
        return keras.Model(inputs, Own(3)(inputs))

    with pytest.raises(ValueError, match="Keras cannot rebuild the model from its") as refusal:
        InitialWeights(build, "as_built", seed=0)
    assert "\n" not in str(refusal.value)
