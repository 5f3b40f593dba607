"""Losses are matched with outputs as Keras matches them, by its names, in every structure."""

import keras
import numpy as np
import pytest
from keras import layers

from akp_keras.hotswap import Change, Epoch, HotSwap, Swap, swap_now, swappable

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


def nested():
    """Outputs {"p": {"x", "y"}, "q"}, whose layers have other names."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x, y, q = (layers.Dense(1, name=name)(inputs) for name in ("last", "first", "middle"))
    return keras.Model(inputs, {"p": {"x": x, "y": y}, "q": q})


def flat(names=("zz_first", "aa_second"), keys=("z", "b")):
    """Outputs {"z", "b"}, whose layers sort the other way round; b is a probability."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    first = layers.Dense(1, name=names[0])(inputs)
    second = layers.Dense(1, activation="sigmoid", name=names[1])(inputs)
    return keras.Model(inputs, dict(zip(keys, (first, second), strict=True)))


def labels(structure):
    return keras.tree.map_structure(lambda _: np.ones((8, 1), "float32"), structure)


def fit(model, *swaps, **options):
    y = labels(model.output)
    options = {"verbose": 0, "shuffle": False, "batch_size": 4} | options
    return model.fit(X, y, callbacks=list(swaps), **options).history


LOSSES = [
    (nested, {"p": {"x": "mse", "y": "mae"}, "q": "mse"}),
    (nested, "mse"),
    (flat, {"z": ["mse", "mae"], "b": "mse"}),
    (flat, {"z": "mse", "b": None}),
    (flat, "mae"),
]


@pytest.mark.parametrize(("build", "loss"), LOSSES)
def test_a_hotswap_without_effect_trains_as_keras_does(build, loss):
    results = []
    for swaps in ([], [HotSwap("")]):
        model = build()
        model.compile("sgd", loss=loss)
        results.append((fit(model, *swaps), model.get_weights()))
    assert results[0][0] == results[1][0]
    for mine, plain in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(mine, plain)


@pytest.mark.parametrize(("build", "loss"), LOSSES)
def test_outputs_are_named_as_in_the_history(build, loss):
    model = build()
    model.compile("sgd", loss=loss, run_eagerly=True)
    history = fit(model)
    names = [place.name for place in swappable(model, "loss")]
    assert len(set(names)) == len(names)
    if len(names) > 1:
        logged = {name.removesuffix("_loss") for name in history if name != "loss"}
        assert {name.rpartition("/")[0] if name not in logged else name for name in names} == logged


@pytest.mark.parametrize("loss", [{"z": "mse", "b": "mse"}, "mse"])
@pytest.mark.parametrize("output", ["z", "b"])
def test_a_swap_changes_the_loss_of_the_output_that_it_names(loss, output):
    model = flat()
    model.compile(keras.optimizers.SGD(0.0), loss=loss)
    swap = HotSwap(f"@1 loss[{output}]=mae loss_weights[{output}]=10")
    history = fit(model, swap, epochs=2)
    predicted = {key: keras.ops.convert_to_numpy(value) for key, value in model(X).items()}
    for key, values in predicted.items():
        error = np.abs(values - 1) if key == output else (values - 1) ** 2
        np.testing.assert_allclose(history[f"{key}_loss"][1], error.mean(), rtol=1e-5)
    weights = {key: 10 if key == output else 1 for key in predicted}
    total = sum(weights[key] * history[f"{key}_loss"][1] for key in predicted)
    np.testing.assert_allclose(history["loss"][1], total, rtol=1e-5)
    assert [r.layers for r in swap.swaps] == [(output,)] * 2


def test_layer_names_are_not_output_names():
    model = flat()
    model.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match=r"loss\[zz_first\]=mae matches no output; known are b, z"):
        HotSwap("@1 loss[zz_first]=mae").check(model)
    with pytest.raises(ValueError, match="matches no output"):
        HotSwap("@1 loss_weights[aa_second]=2").check(model)


def test_the_conversion_of_a_probability_stays_with_its_output():
    model = flat()
    model.compile("sgd", loss={"z": "mse", "b": "binary_crossentropy"})
    swap_now(model, "loss[b]=hinge")
    with pytest.raises(ValueError, match="output 'z' gives neither probabilities nor logits"):
        swap_now(model, "loss[z]=hinge")
    y = keras.tree.map_structure(keras.ops.convert_to_tensor, labels(model.output))
    found = float(model.compute_loss(x=X, y=y, y_pred=model(X)))
    heads = (model.get_layer(name) for name in ("zz_first", "aa_second"))
    z, b = (X @ np.asarray(head.kernel) + np.asarray(head.bias) for head in heads)
    expected = np.mean((z - 1) ** 2) + np.mean(np.maximum(1 - b, 0))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_two_losses_of_one_output_are_told_apart_by_their_names():
    model = flat()
    model.compile("sgd", loss={"z": ["mse", "mae"], "b": "mse"})
    names = [place.name for place in swappable(model, "loss")]
    assert sorted(names) == ["b", "z/mean_absolute_error", "z/mean_squared_error"]
    with pytest.raises(ValueError, match="matches no output; known are b, z/mean_absolute_error"):
        HotSwap("@1 loss[z]=log_cosh").check(model)
    HotSwap("@1 loss[z/mean_squared_error]=log_cosh").check(model)


@pytest.mark.parametrize(("build", "loss"), LOSSES)
def test_saved_models_have_the_losses_in_force_where_they_belong(build, loss, tmp_path):
    model = build()
    model.compile("sgd", loss=loss)
    names = [place.name for place in swappable(model, "loss")]
    swap_now(model, f"loss[{names[0]}]=log_cosh" if len(names) > 1 else "loss=log_cosh")
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    y = keras.tree.map_structure(keras.ops.convert_to_tensor, labels(model.output))
    values = [float(each.compute_loss(x=X, y=y, y_pred=each(X))) for each in (model, loaded)]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)


class Subclassed(keras.Model):
    """A model whose outputs Keras does not know before the first step."""

    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(1, name="first"), layers.Dense(1, name="second")

    def call(self, x):
        return {"a": self.a(x), "b": self.b(x)}


@pytest.mark.parametrize("loss", ["mse", {"a": "mse", "b": "mse"}])
def test_outputs_that_are_not_known_before_the_first_step(loss):
    keras.utils.set_random_seed(0)
    model = Subclassed()
    model(X)
    model.compile(keras.optimizers.SGD(0.0), loss=loss)
    y = {"a": np.ones((8, 1), "float32"), "b": np.zeros((8, 1), "float32")}
    swap = HotSwap("@1 loss=mae" if loss == "mse" else "@1 loss[a]=mae")
    history = model.fit(X, y, epochs=2, verbose=0, callbacks=[swap]).history
    a, b = (keras.ops.convert_to_numpy(model(X)[key]) - y[key] for key in "ab")
    errors = np.abs(a).mean(), np.abs(b).mean() if loss == "mse" else (b**2).mean()
    np.testing.assert_allclose(history["loss"][1], sum(errors), rtol=1e-5)


class Splits(keras.Model):
    """Its compute_loss makes two outputs of the model's one."""

    def compute_loss(self, x, y, y_pred, sample_weight=None, **options):
        halves = keras.ops.split(y_pred, 2, axis=-1)
        return super().compute_loss(x, y, halves, sample_weight, **options)


def test_losses_of_outputs_that_only_the_step_makes_are_left_alone():
    def build():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(4, activation="relu")(inputs)
        model = Splits(inputs, keras.layers.Dense(2)(hidden))
        model.compile("sgd", loss=["mse", "mae"])
        return model

    options = {"verbose": 0, "shuffle": False, "epochs": 2}
    data = X[:, :4], (X[:, :1], X[:, 1:2])
    plain, swapped = build(), build()
    plain.fit(*data, **options)
    swapped.fit(*data, **options, callbacks=[HotSwap("@0 activation=original")])
    for mine, theirs in zip(swapped.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)
    for model in (swapped, build()):
        with pytest.raises(ValueError, match="compile with a dict of losses by output"):
            model.fit(*data, **options, callbacks=[HotSwap("@1 loss=huber")])


def test_a_loss_of_several_outputs_at_once_trains_on():
    def both(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true[0] - y_pred[0]) + abs(y_pred[1] - y_true[1]))

    weights = []
    for callbacks in ([], [HotSwap("")]):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        outputs = [keras.layers.Dense(1, name=name)(inputs) for name in "ab"]
        model = keras.Model(inputs, outputs)
        model.compile("sgd", loss=(both, ["mse", "mse"]))
        data = X[:, :4], [X[:, :1], X[:, 1:2]]
        model.fit(*data, verbose=0, shuffle=False, callbacks=callbacks)
        weights.append(model.get_weights())
    for mine, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


def test_a_compiled_loss_without_reduction_is_not_swapped():
    """Keras sums what it returns for each sample; another loss returns one number."""
    for strategy in ("switch", "retrace"):
        model = flat()
        model.compile("sgd", loss={"z": keras.losses.MeanSquaredError(reduction="none"), "b": None})
        with pytest.raises(ValueError, match=r"loss 'MeanSquaredError\(reduction=none\)' .* shape"):
            fit(model, HotSwap("@1 loss=mae", strategy=strategy), epochs=2)


def own(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def test_a_custom_loss_at_one_of_several_outputs():
    model = flat()
    model.compile(keras.optimizers.SGD(0.0), loss={"z": "mae", "b": "mae"})
    swap = HotSwap([Swap(Epoch(0), (Change("loss", own, "z"),))])
    history = fit(model, swap)
    expected = np.mean((keras.ops.convert_to_numpy(model(X)["z"]) - 1) ** 2)
    np.testing.assert_allclose(history["z_loss"], expected, rtol=1e-5)
